package example;

import com.amazonaws.services.lambda.runtime.Context;
import java.util.List;

/** Shape: no interface, methods named by the handler. */
public class NumbersHandler {
    public int sum(List<Integer> numbers) {
        return numbers.stream().mapToInt(one -> one).sum();
    }

    public static Reading warmest(Reading first, Context context) {
        first.setStation(context.getAwsRequestId());
        return first;
    }
}
