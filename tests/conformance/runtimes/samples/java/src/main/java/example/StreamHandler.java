package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonSyntaxException;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;

/** Shape: the bytes of the event, the bytes of the answer: what is written is what the caller gets. */
public class StreamHandler implements RequestStreamHandler {
    private final Gson gson = new Gson();

    @Override
    public void handleRequest(InputStream input, OutputStream output, Context context) throws IOException {
        var reader = new InputStreamReader(input, StandardCharsets.UTF_8);
        var writer = new PrintWriter(new BufferedWriter(new OutputStreamWriter(output, StandardCharsets.UTF_8)));
        try (reader; writer) {
            JsonElement event = gson.fromJson(reader, JsonElement.class);
            if (event.isJsonNull()) {
                throw new JsonSyntaxException("nothing to reverse");
            }
            writer.print("  " + new StringBuilder(event.getAsString()).reverse() + "\n");
        }
    }
}
