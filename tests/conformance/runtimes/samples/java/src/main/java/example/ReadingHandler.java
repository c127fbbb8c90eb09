package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;

/** Shape: a record of the function's own in, a number out. */
public class ReadingHandler implements RequestHandler<Reading, Integer> {
    @Override
    public Integer handleRequest(Reading reading, Context context) {
        double rain = reading.getRain() == null ? 0 : reading.getRain().stream().mapToDouble(one -> one).sum();
        context.getLogger().log(reading.getStation() + ": " + rain + " mm");
        return reading.getTemperature() + 1;
    }
}
