using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Amazon.Lambda.Core;

[assembly: LambdaSerializer(typeof(Example.Json))]

namespace Example
{
    public class Refused : Exception
    {
        public Refused(string message) : base(message) { }
    }

    public class App
    {
        int count = 0;

        public async Task<object> Handle(Dictionary<string, JsonElement> asked, ILambdaContext context)
        {
            count += 1;
            switch (asked["ask"].GetString())
            {
                case "echo":
                    return asked["value"];
                case "environment":
                    return asked["names"].EnumerateArray().Select(name => name.GetString())
                        .ToDictionary(name => name, name => Environment.GetEnvironmentVariable(name));
                case "context":
                    return Describe(context);
                case "client":
                    return context.ClientContext.Custom;
                case "raise":
                    throw new Refused("no");
                case "exit":
                    Environment.Exit(3);
                    return null;
                case "sleep":
                    await Task.Delay(asked["seconds"].GetInt32() * 1000);
                    return null;
                case "text":
                    return new string('z', asked["length"].GetInt32());
                case "measure":
                    return asked["text"].GetString().Length;
                case "log":
                    Console.WriteLine("line one");
                    context.Logger.LogLine("line two");
                    return null;
                case "print":
                    // Not by Console.Out, whose lines are records of the log, as with AWS's client.
                    using (var output = Console.OpenStandardOutput())
                    {
                        output.Write(Encoding.UTF8.GetBytes(asked["text"].GetString() + "\n"));
                    }
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
