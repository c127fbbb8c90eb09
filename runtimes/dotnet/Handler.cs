using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Threading.Tasks;

namespace Kubelambda
{
    /// <summary>
    /// The function's method: Assembly::Namespace.Class::Method, static or not, with or without an
    /// event and an ILambdaContext, synchronous or a Task. Streams pass as they are; other types
    /// need the LambdaSerializer of the method or the assembly, as on AWS.
    /// </summary>
    public sealed class Handler
    {
        const string ContextInterface = "Amazon.Lambda.Core.ILambdaContext";

        readonly object instance;
        readonly MethodInfo method;
        readonly Serializer serializer;

        Handler(object instance, MethodInfo method, Serializer serializer)
        {
            this.instance = instance;
            this.method = method;
            this.serializer = serializer;
        }

        /// <summary>Loads the assembly and makes the object, which is the function's init.</summary>
        public static Handler Load(string root, string name)
        {
            var parts = name.Split(new[] { "::" }, StringSplitOptions.None);
            if (parts.Length != 3 || parts.Any(part => part.Trim() == ""))
            {
                throw new LambdaValidationException(string.Format(
                    "The Lambda function handler '{0}' is not valid: it must be 'assembly::type::method'.", name));
            }
            AppDomain.CurrentDomain.AssemblyResolve += (_, wanted) => Find(root, new AssemblyName(wanted.Name).Name);
            var assembly = Find(root, parts[0]);
            Require(assembly, "Could not find the specified handler assembly with the file name '{0}'.", parts[0]);
            var type = assembly.GetType(parts[1]);
            Require(type, "Unable to load type '{0}' from assembly '" + parts[0] + "'.", parts[1]);
            var method = type.GetMethod(
                parts[2], BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance);
            Require(method, "Unable to find method '{0}' in type '" + parts[1] + "'.", parts[2]);
            var instance = method.IsStatic ? null : Activator.CreateInstance(type);
            return new Handler(instance, method, Serializer.Find(method));
        }

        /// <summary>The bytes of the answer; throws what the function throws.</summary>
        public byte[] Call(Invocation invocation)
        {
            var arguments = new List<object>();
            foreach (var parameter in method.GetParameters().Select(one => one.ParameterType))
            {
                arguments.Add(parameter.FullName == ContextInterface
                    ? new LambdaContext(parameter, invocation).GetTransparentProxy()
                    : Read(parameter, invocation.Body));
            }
            return Write(Await(method.Invoke(instance, arguments.ToArray())));
        }

        object Read(Type type, byte[] body)
        {
            var stream = new MemoryStream(body);
            return typeof(Stream).IsAssignableFrom(type) ? stream : Serializer.Required(serializer, type).Read(type, stream);
        }

        byte[] Write(object result)
        {
            var output = new MemoryStream();
            var stream = result as Stream;
            if (stream != null)
            {
                stream.CopyTo(output);
            }
            else if (result != null)
            {
                Serializer.Required(serializer, result.GetType()).Write(result, output);
            }
            else if (serializer != null)
            {
                output.Write(new[] { (byte)'n', (byte)'u', (byte)'l', (byte)'l' }, 0, 4);
            }
            return output.ToArray();
        }

        static object Await(object result)
        {
            var task = result as Task;
            if (task == null)
            {
                return result;
            }
            task.GetAwaiter().GetResult();
            var type = task.GetType();
            var value = type.IsGenericType ? type.GetProperty("Result").GetValue(task) : null;
            return value != null && value.GetType().Name == "VoidTaskResult" ? null : value;
        }

        static Assembly Find(string root, string name)
        {
            var file = Path.Combine(root, name + ".dll");
            return File.Exists(file) ? Assembly.LoadFrom(file) : null;
        }

        static void Require(object found, string message, string name)
        {
            if (found == null)
            {
                throw new LambdaValidationException(string.Format(message, name));
            }
        }
    }

    /// <summary>A handler that cannot be one; the name is AWS's.</summary>
    public sealed class LambdaValidationException : Exception
    {
        public LambdaValidationException(string message) : base(message) { }
    }
}
