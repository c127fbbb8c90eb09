package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class App implements RequestHandler<Map<String, Object>, Object> {
    static class Refused extends RuntimeException {
        Refused(String message) {
            super(message);
        }
    }

    private int count = 0;

    @Override
    public Object handleRequest(Map<String, Object> event, Context context) {
        count += 1;
        switch ((String) event.get("ask")) {
            case "echo":
                return event.get("value");
            case "environment":
                return environment((List<String>) event.get("names"));
            case "context":
                return describe(context);
            case "client":
                return context.getClientContext() == null ? null : context.getClientContext().getCustom();
            case "raise":
                throw new Refused("no");
            case "exit":
                Runtime.getRuntime().halt(3);
            case "sleep":
                pause(((Number) event.get("seconds")).longValue() * 1000);
                return null;
            case "text":
                return "z".repeat(((Number) event.get("length")).intValue());
            case "measure":
                return ((String) event.get("text")).length();
            case "log":
                System.out.println("line one");
                context.getLogger().log("line two\n");
                return null;
            case "print":
                System.out.println(event.get("text"));
                return null;
            default:
                return count;
        }
    }

    private static Map<String, String> environment(List<String> names) {
        Map<String, String> found = new HashMap<>();
        for (String name : names) {
            found.put(name, System.getenv(name));
        }
        return found;
    }

    private static Map<String, Object> describe(Context context) {
        Map<String, Object> seen = new HashMap<>();
        seen.put("remaining", context.getRemainingTimeInMillis());
        pause(20);
        seen.put("later", context.getRemainingTimeInMillis());
        seen.put("name", context.getFunctionName());
        seen.put("version", context.getFunctionVersion());
        seen.put("memory", String.valueOf(context.getMemoryLimitInMB()));
        seen.put("request", context.getAwsRequestId());
        seen.put("arn", context.getInvokedFunctionArn());
        seen.put("group", context.getLogGroupName());
        seen.put("stream", context.getLogStreamName());
        return seen;
    }

    private static void pause(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            throw new RuntimeException(e);
        }
    }
}
