package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.util.Map;

/** Shape: a map in, nothing out, the rest in the log; several lines are one record. */
public class MapHandler implements RequestHandler<Map<String, String>, Void> {
    private final Gson gson = new GsonBuilder().setPrettyPrinting().create();

    @Override
    public Void handleRequest(Map<String, String> event, Context context) {
        context.getLogger().log("EVENT: " + gson.toJson(event));
        context.getLogger().log("EVENT TYPE: " + event.getClass());
        System.err.println("KIND: " + System.getenv("AWS_EXECUTION_ENV"));
        return null;
    }
}
