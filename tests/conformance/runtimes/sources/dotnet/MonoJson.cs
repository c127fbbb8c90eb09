// The source of MonoJson.dll in mono-app.zip, which mono's mcs compiled; nothing compiles it any more. The zip has the
// assembly App of that time as well. mono-json.txt is what mono answered to the event that test_dotnet.py has.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Web.Script.Serialization;

namespace Example
{
    public enum Size { Small, Large }

    public class Part
    {
        public int Number { get; set; }
        public string Name;
        public Size Size { get; set; }
        public List<Part> Parts { get; set; }
        public int? Maybe { get; set; }
        public double Weight { get; set; }
        public Guid Id { get; set; }
        public Dictionary<string, int> Stock { get; set; }
        public int[] Codes { get; set; }
        [ScriptIgnore] public int Hidden { get; set; }
    }

    public class MonoJson
    {
        static readonly JavaScriptSerializer Json = new JavaScriptSerializer();

        public static Stream Handle(Stream input)
        {
            return new MemoryStream(Encoding.UTF8.GetBytes(Answer(new StreamReader(input).ReadToEnd())));
        }

        public static void Main()
        {
            Console.Write(Answer(Console.In.ReadToEnd()));
        }

        static string Answer(string text)
        {
            var lines = new List<string>();
            lines.Add(Json.Serialize(Json.Deserialize<Part>(text)));
            lines.Add(Json.Serialize(Json.DeserializeObject(text)));
            lines.Add(Kinds((IDictionary<string, object>)Json.DeserializeObject(text)));
            lines.Add(Kinds(Json.Deserialize<Dictionary<string, object>>(text)));
            lines.Add(Json.Serialize(new object[]
            {
                1, 2.5, 1e300, 1.5f, 12345678901234567890m, "<a href='x'>&\u00e9\u0001\"\\/\n", 'c', null, true, Size.Large,
                new { a = 1, b = new[] { 1, 2 } }, new Dictionary<string, string> { { "1", "x" } },
                new DateTime(2020, 1, 2, 3, 4, 5, DateTimeKind.Utc), Guid.Empty, new Uri("http://x/y"), new List<int>(),
            }));
            return string.Join("\n", lines) + "\n";
        }

        static string Kinds(IDictionary<string, object> members)
        {
            return string.Join(" ", members.Select(one => one.Key + ":" + (one.Value == null ? "null" : one.Value.GetType().Name)));
        }
    }
}
