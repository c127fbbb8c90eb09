using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;
using Kubelambda.Logging;

namespace Kubelambda.Functions
{
    /// <summary>
    /// The function's method, static or not, with or without an event and an ILambdaContext, synchronous or not.
    /// Streams pass as they are; other types need the LambdaSerializer of the method or of the assembly, as on AWS.
    /// </summary>
    public sealed class Handler
    {
        const string ContextInterface = "Amazon.Lambda.Core.ILambdaContext";

        readonly object instance;
        readonly MethodInfo method;
        readonly IContract contract;
        readonly Result result;
        readonly Func<Stream, object>[] arguments;
        readonly Action<object, Stream> write;

        Handler(object instance, MethodInfo method, Serialization serialization, IContract contract)
        {
            this.instance = instance;
            this.method = method;
            this.contract = contract;
            result = Result.Of(method.ReturnType);
            arguments = method.GetParameters().Select(one => IsContext(one) ? null : serialization.Reader(one.ParameterType)).ToArray();
            write = serialization.Writer(result.Type);
        }

        /// <summary>Loads the assembly and makes the object, which is the function's init.</summary>
        public static Handler Load(string root, string name, LogWriter log)
        {
            var handler = HandlerName.Parse(name);
            var file = Path.Combine(root, handler.Assembly + ".dll");
            if (!File.Exists(file))
            {
                throw new LambdaValidationException(
                    $"Could not find the specified handler assembly with the file name '{handler.Assembly}'. The assembly "
                    + "should be located in the root of your uploaded .zip file.");
            }
            var assemblies = new FunctionAssemblies(root, file, loaded => LambdaLogger.Connect(loaded, log));
            // For Type.GetType and Assembly.Load by name, also where a library of .NET calls them.
            assemblies.EnterContextualReflection();
            var assembly = assemblies.LoadFromAssemblyPath(file);
            var type = assembly.GetType(handler.Type);
            if (type == null)
            {
                throw new LambdaValidationException($"Unable to load type '{handler.Type}' from assembly '{handler.Assembly}'.");
            }
            var method = MethodLookup.Find(type, handler);
            CheckParameters(handler, method);
            var instance = Construct(type, method);
            var serializer = Serialization.Construct(method, assembly);
            var needsContract = serializer != null || method.GetParameters().Any(IsContext);
            var contract = needsContract ? LoadContract(assemblies, serializer, log) : null;
            Compilation.PrepareIfAsked(assembly);
            return new Handler(instance, method, new Serialization(serializer == null ? null : contract, method, handler), contract);
        }

        /// <summary>The bytes of the answer; throws what the function throws.</summary>
        public ArraySegment<byte> Call(Invocation invocation)
        {
            var values = new object[arguments.Length];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = arguments[i] == null
                    ? contract.CreateContext(invocation)
                    : arguments[i](new MemoryStream(invocation.Body, 0, invocation.Body.Length, false, true));
            }
            var value = result.Await(method.Invoke(instance, BindingFlags.DoNotWrapExceptions, null, values, null));
            var output = new MemoryStream();
            write?.Invoke(value, output);
            return new ArraySegment<byte>(output.GetBuffer(), 0, (int)output.Length);
        }

        static bool IsContext(ParameterInfo parameter)
        {
            return parameter.ParameterType.FullName == ContextInterface;
        }

        static void CheckParameters(HandlerName handler, MethodInfo method)
        {
            var parameters = method.GetParameters();
            var unsupported = $"Method '{method.Name}' of type '{handler.Type}' is not supported: the method has ";
            if (parameters.Length > 2)
            {
                throw new LambdaValidationException(unsupported + "more than 2 parameters.");
            }
            if (parameters.Length == 2 && parameters.Count(IsContext) != 1)
            {
                throw new LambdaValidationException(
                    unsupported + $"2 parameters, but the second parameter is not of type '{ContextInterface}'.");
            }
        }

        static object Construct(Type type, MethodInfo method)
        {
            if (method.IsStatic)
            {
                RuntimeHelpers.RunClassConstructor(type.TypeHandle);
                return null;
            }
            const BindingFlags Public = BindingFlags.Instance | BindingFlags.Public | BindingFlags.DoNotWrapExceptions;
            return Activator.CreateInstance(type, Public | BindingFlags.CreateInstance, null, null, null);
        }

        static IContract LoadContract(FunctionAssemblies assemblies, object serializer, LogWriter log)
        {
            var file = Path.Combine(AppContext.BaseDirectory, "Kubelambda.Contract.dll");
            var type = assemblies.LoadFromAssemblyPath(file).GetType("Kubelambda.Contract.Contract");
            return (IContract)Activator.CreateInstance(type, serializer, log);
        }
    }
}
