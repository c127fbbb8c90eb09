package example;

import java.util.Map;

public class Fails {
    public Fails() {
        throw new IllegalStateException("not today");
    }

    public String handleRequest(Map<String, Object> event) {
        return "never";
    }
}
