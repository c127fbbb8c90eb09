using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using System.Web.Script.Serialization;
using Amazon.Lambda.Core;

[assembly: LambdaSerializer(typeof(Example.Json))]

namespace Example
{
    public class Json : ILambdaSerializer
    {
        static readonly JavaScriptSerializer Reader = new JavaScriptSerializer { MaxJsonLength = int.MaxValue };

        public T Deserialize<T>(Stream input)
        {
            return Reader.Deserialize<T>(new StreamReader(input, Encoding.UTF8).ReadToEnd());
        }

        public void Serialize<T>(T value, Stream output)
        {
            var text = Encoding.UTF8.GetBytes(Reader.Serialize(value));
            output.Write(text, 0, text.Length);
        }
    }

    public class Refused : Exception
    {
        public Refused(string message) : base(message) { }
    }

    public class App
    {
        int count = 0;

        public async Task<object> Handle(Dictionary<string, object> asked, ILambdaContext context)
        {
            count += 1;
            switch ((string)asked["ask"])
            {
                case "echo":
                    return asked["value"];
                case "environment":
                    return ((System.Collections.IEnumerable)asked["names"]).Cast<string>()
                        .ToDictionary(name => name, name => Environment.GetEnvironmentVariable(name));
                case "context":
                    return Describe(context);
                case "client":
                    return context.ClientContext == null ? null : context.ClientContext.Custom;
                case "raise":
                    throw new Refused("no");
                case "exit":
                    Environment.Exit(3);
                    return null;
                case "sleep":
                    await Task.Delay((int)asked["seconds"] * 1000);
                    return null;
                case "text":
                    return new string('z', (int)asked["length"]);
                case "measure":
                    return ((string)asked["text"]).Length;
                case "log":
                    Console.WriteLine("line one");
                    context.Logger.LogLine("line two");
                    return null;
                case "print":
                    Console.WriteLine((string)asked["text"]);
                    return null;
                default:
                    return count;
            }
        }

        static object Describe(ILambdaContext context)
        {
            var remaining = context.RemainingTime.TotalMilliseconds;
            Thread.Sleep(20);
            return new Dictionary<string, object>
            {
                { "name", context.FunctionName },
                { "version", context.FunctionVersion },
                { "memory", context.MemoryLimitInMB.ToString() },
                { "request", context.AwsRequestId },
                { "arn", context.InvokedFunctionArn },
                { "group", context.LogGroupName },
                { "stream", context.LogStreamName },
                { "remaining", remaining },
                { "later", context.RemainingTime.TotalMilliseconds },
            };
        }
    }
}
