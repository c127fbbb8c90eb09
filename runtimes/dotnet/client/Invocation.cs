using System.Collections.Generic;

namespace Kubelambda
{
    /// <summary>One event: its bytes and what the headers Lambda-Runtime-* say about it; what is absent is null.</summary>
    public sealed class Invocation
    {
        readonly IReadOnlyDictionary<string, string> headers;

        public Invocation(IReadOnlyDictionary<string, string> headers, byte[] body)
        {
            this.headers = headers;
            Body = body;
        }

        public byte[] Body { get; }
        public string RequestId => Header("Aws-Request-Id");
        public string TraceId => Header("Trace-Id");
        public string FunctionArn => Header("Invoked-Function-Arn");
        public string TenantId => Header("Aws-Tenant-Id");

        /// <summary>JSON.</summary>
        public string ClientContext => Header("Client-Context");

        /// <summary>JSON.</summary>
        public string CognitoIdentity => Header("Cognito-Identity");

        /// <summary>When the invocation times out, in milliseconds since 1970.</summary>
        public long DeadlineMs => long.TryParse(Header("Deadline-Ms"), out var time) ? time : 0;

        string Header(string name)
        {
            return headers.TryGetValue("Lambda-Runtime-" + name, out var value) ? value : null;
        }
    }
}
