using System;
using System.IO;
using System.Reflection;
using Amazon.Lambda.Core;
using Kubelambda.Functions;
using Kubelambda.Logging;

namespace Kubelambda.Contract
{
    /// <summary>The client's part that knows AWS's interfaces; loaded beside the function's own Amazon.Lambda.Core.</summary>
    public sealed class Contract : IContract
    {
        readonly ILambdaSerializer serializer;
        readonly Logger logger;

        /// <summary>`serializer` is null where the function has none.</summary>
        public Contract(object serializer, LogWriter log)
        {
            this.serializer = (ILambdaSerializer)serializer;
            logger = new Logger(log);
        }

        public object CreateContext(Invocation invocation)
        {
            return new LambdaContext(invocation, logger);
        }

        public Func<Stream, object> CreateReader(Type type)
        {
            return (Func<Stream, object>)Of(nameof(Read), type).CreateDelegate(typeof(Func<Stream, object>), this);
        }

        public Action<object, Stream> CreateWriter(Type type)
        {
            return (Action<object, Stream>)Of(nameof(Write), type).CreateDelegate(typeof(Action<object, Stream>), this);
        }

        object Read<T>(Stream input)
        {
            return serializer.Deserialize<T>(input);
        }

        void Write<T>(object value, Stream output)
        {
            serializer.Serialize((T)value, output);
        }

        static MethodInfo Of(string name, Type type)
        {
            return typeof(Contract).GetMethod(name, BindingFlags.Instance | BindingFlags.NonPublic).MakeGenericMethod(type);
        }
    }
}
