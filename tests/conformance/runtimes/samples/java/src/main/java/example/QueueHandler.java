package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.events.SQSEvent;
import com.amazonaws.services.lambda.runtime.events.SQSEvent.SQSMessage;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.util.ArrayList;
import java.util.List;

/** Shape: SQS events, Gson, the logger of the context; the first body that is no order fails the batch. */
public class QueueHandler implements RequestHandler<SQSEvent, String> {
    record Order(String item, int count) {}

    private final Gson gson = new GsonBuilder().create();

    @Override
    public String handleRequest(SQSEvent event, Context context) {
        LambdaLogger logger = context.getLogger();
        logger.log("function " + context.getFunctionName() + ", " + context.getMemoryLimitInMB() + " MB");
        if (context.getRemainingTimeInMillis() > 20_000) {
            throw new IllegalStateException("the deadline is not that of the timeout");
        }
        List<String> items = new ArrayList<>();
        for (SQSMessage message : event.getRecords()) {
            Order order = gson.fromJson(message.getBody(), Order.class);
            if (order.count() < 1) {
                throw new IllegalArgumentException(
                        "message " + message.getMessageId(), new ArithmeticException("no count"));
            }
            logger.log(describe(message));
            items.add(order.item());
        }
        return String.join(", ", items);
    }

    private static String describe(SQSMessage message) {
        var priority = message.getMessageAttributes().get("priority");
        var digest = message.getMessageAttributes().get("digest");
        return message.getMessageId()
                + " from " + message.getEventSourceArn()
                + ", received " + message.getAttributes().get("ApproximateReceiveCount")
                + ", priority " + (priority == null ? "none" : priority.getStringValue())
                + ", digest of " + (digest == null ? 0 : digest.getBinaryValue().remaining()) + " bytes";
    }
}
