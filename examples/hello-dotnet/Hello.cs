using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;

namespace Example
{
    public class Hello
    {
        // Streams need no serializer; with Amazon.Lambda.Core and a serializer in the package any type does.
        public Stream Greet(Stream input)
        {
            var asked = JsonSerializer.Deserialize<Dictionary<string, string>>(input);
            if (!asked.TryGetValue("name", out var name))
            {
                name = "world";
            }
            Console.WriteLine("greeting " + name);
            var message = Environment.GetEnvironmentVariable("GREETING") + ", " + name + "!";
            return new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(new { message }));
        }
    }
}
