using System;
using System.IO;

namespace Kubelambda.Functions
{
    /// <summary>
    /// What the function's own Amazon.Lambda.Core is needed for. The implementation is the assembly
    /// Kubelambda.Contract, loaded beside the function's, where AWS's names mean the function's types.
    /// </summary>
    public interface IContract
    {
        /// <summary>An ILambdaContext.</summary>
        object CreateContext(Invocation invocation);

        /// <summary>Reads a `type` by the serializer.</summary>
        Func<Stream, object> CreateReader(Type type);

        /// <summary>Writes a `type` by the serializer.</summary>
        Action<object, Stream> CreateWriter(Type type);
    }
}
