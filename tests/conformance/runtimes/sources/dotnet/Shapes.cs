// Handlers of every shape that Lambda knows, in one assembly.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Text;
using System.Threading.Tasks;
using Amazon.Lambda.Core;

[assembly: LambdaSerializer(typeof(Example.Json))]

namespace Example
{
    public class Order
    {
        public string Item { get; set; }
        public int Count { get; set; }
    }

    /// <summary>A method's own serializer goes before the assembly's.</summary>
    public class Shouting : ILambdaSerializer
    {
        public T Deserialize<T>(Stream input) => new Json().Deserialize<T>(input);

        public void Serialize<T>(T value, Stream output)
        {
            var text = Encoding.UTF8.GetBytes("\"" + value.ToString().ToUpperInvariant() + "\"");
            output.Write(text, 0, text.Length);
        }
    }

    public class Base<TIn>
    {
        public string Describe(TIn value) => typeof(TIn).Name;
    }

    public class Derived : Base<List<Order>> { }

    public class Open<T>
    {
        public T Handle(T value) => value;
    }

    public abstract class Unfinished
    {
        public string Handle() => "";
    }

    public class StaticFails
    {
        static readonly string Never = Fail();

        static string Fail() => throw new InvalidOperationException("not today");

        public static string Handle() => Never;
    }

    public class Shapes
    {
        static int made;
        readonly int mine = ++made;

        public Stream Streams(Stream input) => input;
        public string Text(string name) => "hello " + name;
        public Order Poco(Order order) => new Order { Item = order.Item, Count = order.Count + 1 };
        public List<Order> Generic(Dictionary<string, Order> orders) => orders.Values.ToList();
        public int? Value(int? number) => number + 1;
        public string Nothing() => "nothing asked";
        public string ContextAlone(ILambdaContext context) => context.FunctionName;
        public string ContextFirst(ILambdaContext context, string name) => context.FunctionVersion + name;
        public string ContextLast(string name, ILambdaContext context) => name + context.FunctionVersion;
        public void Void(string name) => Console.WriteLine("void " + name);
        public Task PlainTask(string name) => Task.Delay(1);
        public async Task<Order> TaskOfOrder(Order order) { await Task.Delay(1); return order; }
        public async Task<Stream> TaskOfStream(Stream input) { await Task.Delay(1); return input; }
        public async ValueTask<string> ValueTaskOfText(string name) { await Task.Delay(1); return name; }
        public async ValueTask PlainValueTask(string name) { await Task.Delay(1); }
        public static string Static(string name) => "static " + name;
        public int Made() => 10 * made + mine;
        string Private(string name) => "private " + name;

        [LambdaSerializer(typeof(Shouting))]
        public string OwnSerializer(string name) => name;

        public string Overloaded(string name) => "text";
        public string Overloaded(int number) => "number";
        public string Three(string a, string b, ILambdaContext c) => "";
        public string Two(string a, string b) => "";
        public T GenericMethod<T>(T value) => value;
        public async void AsyncVoid() { await Task.Delay(1); }

        public async Task Several()
        {
            await Task.Yield();
            throw new AggregateException("two things", new Refused("first", null), new Refused("second", null));
        }

        public void One() => throw new AggregateException(new Refused("alone", null));
        public void Nested() => throw new Refused("outer", new InvalidOperationException("inner"));
        public async Task Async() { await Task.Yield(); throw new Refused("later", null); }

        public object Platform(Stream ignored)
        {
            return new Dictionary<string, string>
            {
                { "framework", RuntimeInformation.FrameworkDescription },
                { "context", AssemblyLoadContext.GetLoadContext(typeof(Shapes).Assembly).Name },
                { "by name", Type.GetType("Example.Order, Shapes")?.FullName },
                { "loaded", Assembly.Load("Library").GetName().Name },
                { "library", Library.Names.Greet("you") },
                { "native", GetPid() == Environment.ProcessId ? "called" : "wrong" },
                { "heap", IsHeapWithinMemory() ? "within the memory" : "larger" },
                { "number", (1234.5).ToString("N1", CultureInfo.GetCultureInfo("de-DE")) },
            };
        }

        static bool IsHeapWithinMemory()
        {
            var memory = long.Parse(Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")) << 20;
            return GC.GetGCMemoryInfo().TotalAvailableMemoryBytes <= memory;
        }

        [DllImport("shop", EntryPoint = "SystemNative_GetPid")]
        static extern int GetPid();

        public class Inside
        {
            public string Handle() => "nested";
        }

        public class Refused : Exception
        {
            public Refused(string message, Exception cause) : base(message, cause) { }
        }

        public void Logs(Order order, ILambdaContext context)
        {
            Console.WriteLine("{0} printed", order.Count);
            Console.Error.WriteLine("to stderr");
            context.Logger.Log("raw\n");
            context.Logger.Log("Debug", "unseen");
            context.Logger.Log("Warning", "{count} of {item}", order.Count, order.Item);
            context.Logger.Log("Error", new InvalidOperationException("broken"), "while {0}", "packing");
            LambdaLogger.Log("static");
            LambdaLogger.Log("Critical", "static too");
        }
    }
}
