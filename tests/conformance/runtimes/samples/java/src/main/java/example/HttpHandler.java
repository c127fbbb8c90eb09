package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.events.APIGatewayV2HTTPEvent;
import com.amazonaws.services.lambda.runtime.events.APIGatewayV2HTTPResponse;
import com.google.gson.Gson;
import com.google.gson.JsonObject;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** Shape: an HTTP API, version 2.0 of the payload, its response made by the builder. */
public class HttpHandler implements RequestHandler<APIGatewayV2HTTPEvent, APIGatewayV2HTTPResponse> {
    static class NotFoundException extends RuntimeException {
        NotFoundException(String message) {
            super(message);
        }
    }

    private final Gson gson = new Gson();

    @Override
    public APIGatewayV2HTTPResponse handleRequest(APIGatewayV2HTTPEvent event, Context context) {
        if (!event.getRawPath().equals("/orders")) {
            throw new NotFoundException("no " + event.getRawPath());
        }
        String body = event.getBody();
        if (event.getIsBase64Encoded()) {
            body = new String(Base64.getDecoder().decode(body));
        }
        JsonObject order = gson.fromJson(body, JsonObject.class);
        order.addProperty("count", order.get("count").getAsInt() + 1);
        order.addProperty("by", event.getRequestContext().getAuthorizer().getJwt().getClaims().get("sub"));
        return APIGatewayV2HTTPResponse.builder()
                .withStatusCode(201)
                .withHeaders(Map.of("content-type", "application/json"))
                .withCookies(List.of(event.getCookies().get(1)))
                .withBody(gson.toJson(order))
                .build();
    }
}
