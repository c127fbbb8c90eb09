// What Amazon.Lambda.Core has beside the names in runtimes/dotnet/interfaces. The two files are compiled together, in
// place of AWS's package, which cannot be had here. In AWS's, the logger's members with a level have default bodies,
// which C# 7.3 (runtimes/dotnet/csc) does not have.
using System;

namespace Amazon.Lambda.Core
{
    public partial interface ILambdaLogger
    {
        void Log(string level, string message);
        void Log(string level, string message, params object[] args);
        void Log(string level, Exception exception, string message, params object[] args);
    }

    public static class LambdaLogger
    {
        static Action<string> _loggingAction = Console.WriteLine;
        static Action<string, string, object[]> _loggingWithLevelAction = (level, message, _) => Console.WriteLine(message);

        public static void Log(string message)
        {
            _loggingAction(message);
        }

        public static void Log(string level, string message, params object[] args)
        {
            _loggingWithLevelAction(level, message, args);
        }
    }

    public partial interface ILambdaContext
    {
        string TenantId { get; }
        string TraceId { get; }
    }

    [AttributeUsage(AttributeTargets.Method | AttributeTargets.Assembly)]
    public sealed class LambdaSerializerAttribute : Attribute
    {
        public LambdaSerializerAttribute(Type serializerType)
        {
            SerializerType = serializerType;
        }

        public Type SerializerType { get; set; }
    }
}
