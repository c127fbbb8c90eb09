using System;
using System.IO;
using System.Text;
using System.Web.Script.Serialization;
using System.Collections.Generic;

namespace Example
{
    public class Hello
    {
        // Streams need no serializer; with Amazon.Lambda.Core in the package any type does.
        public Stream Greet(Stream input)
        {
            var json = new JavaScriptSerializer();
            var asked = json.Deserialize<Dictionary<string, string>>(new StreamReader(input).ReadToEnd());
            string name;
            if (!asked.TryGetValue("name", out name))
            {
                name = "world";
            }
            Console.WriteLine("greeting " + name);
            var message = Environment.GetEnvironmentVariable("GREETING") + ", " + name + "!";
            return new MemoryStream(Encoding.UTF8.GetBytes(json.Serialize(new { message })));
        }
    }
}
