using System;
using System.Text;

namespace Kubelambda
{
    /// <summary>
    /// The runtime client of .NET functions: the loop over the Runtime API (spec 1.2 to 1.5).
    /// Contract: loads Assembly::Namespace.Class::Method from the task root; errors and context are
    /// those of AWS's Amazon.Lambda.RuntimeSupport. Nothing but the class library, so that mono's
    /// compiler builds it; Amazon.Lambda.Core is the function's own, met by reflection.
    /// </summary>
    public static class Program
    {
        const int InitFailed = 1;

        public static void Main()
        {
            Console.SetOut(new System.IO.StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { AutoFlush = true });
            var api = new RuntimeApi(Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API"));
            var handler = Load(api);
            while (true)
            {
                Answer(api, handler, api.NextInvocation());
            }
        }

        static Handler Load(RuntimeApi api)
        {
            try
            {
                return Handler.Load(
                    Environment.GetEnvironmentVariable("LAMBDA_TASK_ROOT"),
                    Environment.GetEnvironmentVariable("_HANDLER"));
            }
            catch (Exception error)
            {
                var body = Errors.Describe(error);
                Console.WriteLine(Errors.ToLine(body));
                api.PostInitError(body, Errors.TypeOf(error));
                Environment.Exit(InitFailed);
                throw;
            }
        }

        static void Answer(RuntimeApi api, Handler handler, Invocation invocation)
        {
            Environment.SetEnvironmentVariable("_X_AMZN_TRACE_ID", invocation.Header("Trace-Id"));
            byte[] result;
            try
            {
                result = handler.Call(invocation);
            }
            catch (Exception error)
            {
                var body = Errors.Describe(error);
                Console.WriteLine(Errors.ToLine(body));
                api.PostError(invocation.RequestId, body, Errors.TypeOf(error));
                return;
            }
            api.PostResponse(invocation.RequestId, result);
        }
    }
}
