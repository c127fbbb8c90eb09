using System;
using System.Globalization;
using Amazon.Lambda.Core;

namespace Kubelambda.Contract
{
    /// <summary>
    /// ILambdaContext for one invocation (spec 1.10). TenantId and TraceId came with later versions (see Logger).
    /// </summary>
    public class LambdaContext : ILambdaContext
    {
        readonly Invocation invocation;
        IClientContext clientContext;
        ICognitoIdentity identity;

        public LambdaContext(Invocation invocation, ILambdaLogger logger)
        {
            this.invocation = invocation;
            Logger = logger;
        }

        public ILambdaLogger Logger { get; }
        public string AwsRequestId => invocation.RequestId;
        public string InvokedFunctionArn => invocation.FunctionArn;
        public virtual string TenantId => invocation.TenantId;
        public virtual string TraceId => invocation.TraceId;
        public string FunctionName => Variable("AWS_LAMBDA_FUNCTION_NAME");
        public string FunctionVersion => Variable("AWS_LAMBDA_FUNCTION_VERSION");
        public string LogGroupName => Variable("AWS_LAMBDA_LOG_GROUP_NAME");
        public string LogStreamName => Variable("AWS_LAMBDA_LOG_STREAM_NAME");
        public int MemoryLimitInMB => int.Parse(Variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), CultureInfo.InvariantCulture);

        /// <summary>Until the timeout; never below zero.</summary>
        public TimeSpan RemainingTime
        {
            get
            {
                var left = DateTimeOffset.FromUnixTimeMilliseconds(invocation.DeadlineMs) - DateTimeOffset.UtcNow;
                return left > TimeSpan.Zero ? left : TimeSpan.Zero;
            }
        }

        /// <summary>As with AWS's client an object whose members are null where the caller gave nothing.</summary>
        public IClientContext ClientContext =>
            clientContext ?? (clientContext = new ClientContext(new Members(invocation.ClientContext)));

        /// <summary>See ClientContext.</summary>
        public ICognitoIdentity Identity =>
            identity ?? (identity = new CognitoIdentity(new Members(invocation.CognitoIdentity)));

        static string Variable(string name)
        {
            return Environment.GetEnvironmentVariable(name);
        }
    }
}
