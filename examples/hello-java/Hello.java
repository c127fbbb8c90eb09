package example;

import java.util.Map;

public class Hello {
    public Map<String, String> greet(Map<String, String> event) {
        String name = event.getOrDefault("name", "world");
        System.out.println("greeting " + name);
        return Map.of("message", System.getenv("GREETING") + ", " + name + "!");
    }
}
