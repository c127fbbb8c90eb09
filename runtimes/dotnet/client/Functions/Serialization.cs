using System;
using System.IO;
using System.Linq;
using System.Reflection;

namespace Kubelambda.Functions
{
    /// <summary>
    /// How events and answers become objects and bytes: streams as they are, everything else by the ILambdaSerializer
    /// that the attribute LambdaSerializer of the method or of the assembly names.
    /// </summary>
    public sealed class Serialization
    {
        const string AttributeName = "Amazon.Lambda.Core.LambdaSerializerAttribute";
        const string InterfaceName = "Amazon.Lambda.Core.ILambdaSerializer";

        readonly IContract contract;
        readonly MethodInfo method;
        readonly HandlerName handler;

        /// <summary>`contract` is null where there is no serializer.</summary>
        public Serialization(IContract contract, MethodInfo method, HandlerName handler)
        {
            this.contract = contract;
            this.method = method;
            this.handler = handler;
        }

        /// <summary>The method's serializer, else the assembly's, else null.</summary>
        public static object Construct(MethodInfo method, Assembly assembly)
        {
            var attribute = method.GetCustomAttributes().Concat(assembly.GetCustomAttributes())
                .FirstOrDefault(one => one.GetType().FullName == AttributeName);
            if (attribute == null)
            {
                return null;
            }
            var type = attribute.GetType().GetProperty("SerializerType")?.GetValue(attribute) as Type;
            if (type == null)
            {
                throw new LambdaValidationException($"The 'SerializerType' property on attribute class '{AttributeName}' is not set.");
            }
            var constructor = type.GetConstructor(Type.EmptyTypes);
            if (constructor == null)
            {
                throw new LambdaValidationException(
                    $"The indicated serializer '{type.FullName}' does not define a public zero-parameter constructor.");
            }
            if (type.GetInterface(InterfaceName) == null)
            {
                throw new LambdaValidationException(
                    $"The '{type.FullName}' class is invalid: it does not implement the 'ILambdaSerializer' interface.");
            }
            return constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, null, null);
        }

        public Func<Stream, object> Reader(Type type)
        {
            return typeof(Stream).IsAssignableFrom(type) ? stream => stream : Required(type, "deserialize input").CreateReader(type);
        }

        /// <summary>Null for a method that gives nothing.</summary>
        public Action<object, Stream> Writer(Type type)
        {
            if (type == typeof(void))
            {
                return null;
            }
            return typeof(Stream).IsAssignableFrom(type) ? CopyStream : Required(type, "serialize output").CreateWriter(type);
        }

        static void CopyStream(object value, Stream output)
        {
            ((Stream)value)?.CopyTo(output);
        }

        IContract Required(Type type, string action)
        {
            return contract ?? throw new LambdaValidationException(
                $"Could not find the LambdaSerializerAttribute on the assembly '{handler.Assembly}' or method '{method.Name}' "
                + $"while attempting to {action} data of type '{type.FullName}'. To use types other than System.IO.Stream as "
                + $"input/output parameters, the assembly or Lambda function should be annotated with {AttributeName}.");
        }
    }
}
