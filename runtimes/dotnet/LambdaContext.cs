using System;
using System.Collections.Generic;
using System.Linq;
using System.Runtime.Remoting.Messaging;
using System.Runtime.Remoting.Proxies;
using System.Web.Script.Serialization;

namespace Kubelambda
{
    /// <summary>
    /// An object of whatever interface the function's own Amazon.Lambda.Core declares, whose properties are
    /// answered from a table by name; a property that is not in it is null.
    /// </summary>
    public class InterfaceProxy : RealProxy
    {
        readonly IDictionary<string, Func<Type, object>> members;

        public InterfaceProxy(Type contract, IDictionary<string, Func<Type, object>> members) : base(contract)
        {
            this.members = members;
        }

        public override IMessage Invoke(IMessage message)
        {
            var call = (IMethodCallMessage)message;
            var method = (System.Reflection.MethodInfo)call.MethodBase;
            Func<Type, object> member;
            object value = null;
            if (method.DeclaringType == typeof(object))
            {
                value = method.Invoke(this, call.Args);
            }
            else if (members.TryGetValue(method.Name.StartsWith("get_") ? method.Name.Substring(4) : method.Name, out member))
            {
                value = call.ArgCount == 0 ? member(method.ReturnType) : ((Func<object, object>)member(null))(call.Args[0]);
            }
            return new ReturnMessage(value, null, 0, call.LogicalCallContext, call);
        }
    }

    /// <summary>ILambdaContext for one invocation (spec 1.10).</summary>
    public sealed class LambdaContext : InterfaceProxy
    {
        public LambdaContext(Type contract, Invocation invocation) : base(contract, Members(invocation)) { }

        static IDictionary<string, Func<Type, object>> Members(Invocation invocation)
        {
            var deadlineMs = long.Parse(invocation.Header("Deadline-Ms"));
            return new Dictionary<string, Func<Type, object>>
            {
                { "AwsRequestId", _ => invocation.RequestId },
                { "InvokedFunctionArn", _ => invocation.Header("Invoked-Function-Arn") },
                { "TenantId", _ => invocation.Header("Aws-Tenant-Id") },
                { "FunctionName", _ => Variable("AWS_LAMBDA_FUNCTION_NAME") },
                { "FunctionVersion", _ => Variable("AWS_LAMBDA_FUNCTION_VERSION") },
                { "MemoryLimitInMB", _ => int.Parse(Variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")) },
                { "LogGroupName", _ => Variable("AWS_LAMBDA_LOG_GROUP_NAME") },
                { "LogStreamName", _ => Variable("AWS_LAMBDA_LOG_STREAM_NAME") },
                { "RemainingTime", _ => Remaining(deadlineMs) },
                { "Logger", type => new InterfaceProxy(type, LoggerMembers()).GetTransparentProxy() },
                { "ClientContext", type => FromJson(type, invocation.Header("Client-Context"), "") },
                { "Identity", type => FromJson(type, invocation.Header("Cognito-Identity"), "cognito") },
            };
        }

        static IDictionary<string, Func<Type, object>> LoggerMembers()
        {
            Func<object, object> line = text => { Console.WriteLine(text); return null; };
            Func<object, object> raw = text => { Console.Write(text); return null; };
            return new Dictionary<string, Func<Type, object>> { { "LogLine", _ => line }, { "Log", _ => raw } };
        }

        static string Variable(string name)
        {
            return Environment.GetEnvironmentVariable(name);
        }

        static TimeSpan Remaining(long deadlineMs)
        {
            var left = DateTimeOffset.FromUnixTimeMilliseconds(deadlineMs) - DateTimeOffset.UtcNow;
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }

        /// <summary>The interface `type` over a JSON object; its members are the properties' names with a small letter.</summary>
        static object FromJson(Type type, string text, string prefix)
        {
            if (text == null)
            {
                return null;
            }
            return Over(type, (IDictionary<string, object>)new JavaScriptSerializer().DeserializeObject(text), prefix);
        }

        static object Over(Type type, IDictionary<string, object> read, string prefix)
        {
            var members = new Dictionary<string, Func<Type, object>>();
            foreach (var property in type.GetProperties())
            {
                var key = property.Name == "Environment" ? "env" : prefix + property.Name;
                var found = read.FirstOrDefault(one => string.Equals(one.Key, key, StringComparison.OrdinalIgnoreCase));
                members[property.Name] = wanted => Convert(wanted, found.Value);
            }
            return new InterfaceProxy(type, members).GetTransparentProxy();
        }

        static object Convert(Type wanted, object value)
        {
            var members = value as IDictionary<string, object>;
            if (members != null && wanted.IsAssignableFrom(typeof(Dictionary<string, string>)))
            {
                return members.ToDictionary(one => one.Key, one => System.Convert.ToString(one.Value));
            }
            if (members != null && wanted.IsInterface)
            {
                return Over(wanted, members, "");
            }
            return wanted.IsInstanceOfType(value) ? value : null;
        }
    }
}
