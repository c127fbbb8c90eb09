package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.events.ScheduledEvent;

/** Shape: a scheduled event, its time moved with Joda's methods, the event given back. */
public class ScheduleHandler implements RequestHandler<ScheduledEvent, ScheduledEvent> {
    @Override
    public ScheduledEvent handleRequest(ScheduledEvent event, Context context) {
        event.setTime(event.getTime().plusHours(1));
        return event;
    }
}
