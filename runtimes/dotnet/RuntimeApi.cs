using System;
using System.IO;
using System.Net;
using System.Text;

namespace Kubelambda
{
    /// <summary>One event: its bytes and what the headers say about it.</summary>
    public sealed class Invocation
    {
        readonly WebHeaderCollection headers;

        public Invocation(WebHeaderCollection headers, byte[] body)
        {
            this.headers = headers;
            Body = body;
        }

        public byte[] Body { get; private set; }

        public string RequestId { get { return Header("Aws-Request-Id"); } }

        /// <summary>The header Lambda-Runtime-(name), or null; its bytes are UTF-8.</summary>
        public string Header(string name)
        {
            var value = headers["Lambda-Runtime-" + name];
            return value == null ? null : Encoding.UTF8.GetString(Encoding.GetEncoding("latin1").GetBytes(value));
        }
    }

    /// <summary>Calls of the Runtime API, on one connection.</summary>
    public sealed class RuntimeApi
    {
        const string Json = "application/json";
        readonly string root;

        public RuntimeApi(string address)
        {
            root = "http://" + address + "/2018-06-01/runtime";
            ServicePointManager.Expect100Continue = false;
            ServicePointManager.UseNagleAlgorithm = false;
        }

        /// <summary>The next event; waits for it without limit.</summary>
        public Invocation NextInvocation()
        {
            using (var answer = (HttpWebResponse)Make("/invocation/next", "GET").GetResponse())
            {
                return new Invocation(answer.Headers, ReadAll(answer.GetResponseStream()));
            }
        }

        public void PostResponse(string id, byte[] body)
        {
            Post("/invocation/" + id + "/response", body, null);
        }

        public void PostError(string id, string error, string type)
        {
            Post("/invocation/" + id + "/error", Encoding.UTF8.GetBytes(error), type);
        }

        public void PostInitError(string error, string type)
        {
            Post("/init/error", Encoding.UTF8.GetBytes(error), type);
        }

        HttpWebRequest Make(string path, string method)
        {
            var request = (HttpWebRequest)WebRequest.Create(root + path);
            request.Method = method;
            request.Proxy = null;
            request.Timeout = request.ReadWriteTimeout = System.Threading.Timeout.Infinite;
            return request;
        }

        void Post(string path, byte[] body, string errorType)
        {
            var request = Make(path, "POST");
            request.ContentType = Json;
            request.ContentLength = body.Length;
            if (errorType != null)
            {
                request.Headers["Lambda-Runtime-Function-Error-Type"] = errorType;
            }
            try
            {
                using (var stream = request.GetRequestStream())
                {
                    stream.Write(body, 0, body.Length);
                }
                request.GetResponse().Close();
            }
            catch (WebException refused) when (refused.Response != null)
            {
                // A refusal (such as 413) has its effect at the other end; the loop goes on.
                refused.Response.Close();
            }
        }

        static byte[] ReadAll(Stream stream)
        {
            var all = new MemoryStream();
            stream.CopyTo(all);
            return all.ToArray();
        }
    }
}
