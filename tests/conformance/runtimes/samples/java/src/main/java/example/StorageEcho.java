package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.events.S3Event;

/** Shape: an event of S3 in and out. */
public class StorageEcho implements RequestHandler<S3Event, S3Event> {
    @Override
    public S3Event handleRequest(S3Event event, Context context) {
        return event;
    }
}
