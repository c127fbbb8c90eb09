package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.events.S3Event;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;

/** Shape: S3 events, an image made smaller by the JDK in /tmp; the times of events are Joda's. */
public class StorageHandler implements RequestHandler<S3Event, List<Map<String, Object>>> {
    @Override
    public List<Map<String, Object>> handleRequest(S3Event event, Context context) {
        return event.getRecords().stream().map(StorageHandler::handleRecord).collect(Collectors.toList());
    }

    private static Map<String, Object> handleRecord(S3Event.S3EventNotificationRecord record) {
        var object = record.getS3().getObject();
        BufferedImage made = shrink(64, 32);
        return new TreeMap<>(Map.of(
                "key", object.getUrlDecodedKey(),
                "known", object.getSizeAsLong() != null,
                "hour", record.getEventTime().plusHours(22).toString(),
                "size", made.getWidth() + "x" + made.getHeight()));
    }

    private static BufferedImage shrink(int width, int height) {
        BufferedImage source = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        BufferedImage target = new BufferedImage(width / 4, height / 4, BufferedImage.TYPE_INT_RGB);
        target.createGraphics().drawImage(source, 0, 0, width / 4, height / 4, null);
        try {
            Path file = Files.createTempFile("thumbnail", ".png");
            ImageIO.write(target, "png", file.toFile());
            BufferedImage read = ImageIO.read(file.toFile());
            Files.delete(file);
            return read;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
