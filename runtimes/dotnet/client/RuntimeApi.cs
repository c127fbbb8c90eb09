using System;
using System.Globalization;
using System.Text;

namespace Kubelambda
{
    /// <summary>
    /// Calls of the Runtime API, one at a time. A refusal of a response (such as 413) has its effect at the other
    /// end; the loop goes on. When the agent is gone, every call throws.
    /// </summary>
    public sealed class RuntimeApi
    {
        const string Root = "/2018-06-01/runtime";
        readonly Connection connection;
        readonly string address;

        public RuntimeApi(string address)
        {
            this.address = address;
            connection = new Connection(address);
        }

        /// <summary>The next event; waits for it without limit.</summary>
        public Invocation NextInvocation()
        {
            var answer = Call("GET", "/invocation/next", null, default(ArraySegment<byte>));
            if (answer.Status != 200)
            {
                throw new InvalidOperationException("The Runtime API answered next with " + answer.Status);
            }
            return new Invocation(answer.Headers, answer.Body);
        }

        public void PostResponse(string id, ArraySegment<byte> body)
        {
            Call("POST", "/invocation/" + id + "/response", null, body);
        }

        public void PostError(string id, byte[] error, string type)
        {
            Call("POST", "/invocation/" + id + "/error", type, new ArraySegment<byte>(error));
        }

        public void PostInitError(byte[] error, string type)
        {
            Call("POST", "/init/error", type, new ArraySegment<byte>(error));
        }

        Answer Call(string method, string path, string errorType, ArraySegment<byte> body)
        {
            var head = new StringBuilder(method).Append(' ').Append(Root).Append(path).Append(" HTTP/1.1\r\nHost: ").Append(address);
            if (method != "GET")
            {
                head.Append("\r\nContent-Type: application/json\r\nContent-Length: ");
                head.Append(body.Count.ToString(CultureInfo.InvariantCulture));
            }
            if (errorType != null)
            {
                head.Append("\r\nLambda-Runtime-Function-Error-Type: ").Append(errorType);
            }
            connection.Send(Encoding.UTF8.GetBytes(head.Append("\r\n\r\n").ToString()), body);
            return connection.Receive();
        }
    }
}
