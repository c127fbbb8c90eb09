using System;
using System.IO;
using System.Linq;
using System.Reflection;

namespace Kubelambda
{
    /// <summary>
    /// The ILambdaSerializer that the attribute LambdaSerializer of a method or an assembly names.
    /// Both types are the function's own Amazon.Lambda.Core, so they are met by name.
    /// </summary>
    public sealed class Serializer
    {
        const string AttributeName = "Amazon.Lambda.Core.LambdaSerializerAttribute";
        const string InterfaceName = "Amazon.Lambda.Core.ILambdaSerializer";

        readonly object serializer;
        readonly Type contract;

        Serializer(object serializer)
        {
            this.serializer = serializer;
            contract = serializer.GetType().GetInterface(InterfaceName);
        }

        /// <summary>The method's, else the assembly's, else null.</summary>
        public static Serializer Find(MethodInfo method)
        {
            var attributes = method.GetCustomAttributes(false)
                .Concat(method.DeclaringType.Assembly.GetCustomAttributes(false));
            var named = attributes.FirstOrDefault(one => one.GetType().FullName == AttributeName);
            if (named == null)
            {
                return null;
            }
            var type = (Type)named.GetType().GetProperty("SerializerType").GetValue(named);
            return new Serializer(Activator.CreateInstance(type));
        }

        public static Serializer Required(Serializer serializer, Type type)
        {
            if (serializer == null)
            {
                throw new LambdaValidationException(string.Format(
                    "No 'LambdaSerializerAttribute' on method or assembly for the type '{0}'; a Stream needs none.", type));
            }
            return serializer;
        }

        public object Read(Type type, Stream input)
        {
            return contract.GetMethod("Deserialize").MakeGenericMethod(type).Invoke(serializer, new object[] { input });
        }

        public void Write(object value, Stream output)
        {
            contract.GetMethod("Serialize").MakeGenericMethod(value.GetType()).Invoke(serializer, new[] { value, output });
        }
    }
}
