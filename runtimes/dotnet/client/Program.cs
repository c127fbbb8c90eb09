using System;
using System.Globalization;
using Kubelambda.Functions;
using Kubelambda.Logging;

namespace Kubelambda
{
    /// <summary>
    /// The runtime client of .NET functions that are class libraries: the loop over the Runtime API (spec 1.2 to
    /// 1.5). Contract: runs Assembly::Namespace.Type::Method of the task root as AWS's Amazon.Lambda.RuntimeSupport
    /// does; errors, context and log lines are that program's. Compiled for .NET 8, it runs on every later one.
    /// </summary>
    public static class Program
    {
        const int InitFailed = 1;

        public static void Main()
        {
            var log = LogWriter.Install();
            LimitHeap();
            var api = new RuntimeApi(Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API"));
            var handler = Load(api, log);
            while (true)
            {
                Answer(api, log, handler, api.NextInvocation());
            }
        }

        /// <summary>
        /// The heap ends at the function's memory, as on AWS, where nothing else has set a lower limit (in a pod
        /// the container has). AWS_LAMBDA_DOTNET_DISABLE_MEMORY_LIMIT_CHECK=true leaves it alone.
        /// </summary>
        static void LimitHeap()
        {
            bool.TryParse(Environment.GetEnvironmentVariable("AWS_LAMBDA_DOTNET_DISABLE_MEMORY_LIMIT_CHECK"), out var off);
            if (off || !long.TryParse(
                Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
                NumberStyles.None, CultureInfo.InvariantCulture, out var megabytes))
            {
                return;
            }
            var bytes = megabytes << 20;
            if (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes > bytes)
            {
                AppContext.SetData("GCHeapHardLimit", (ulong)bytes);
                GC.RefreshMemoryLimit();
            }
        }

        static Handler Load(RuntimeApi api, LogWriter log)
        {
            try
            {
                return Handler.Load(
                    Environment.GetEnvironmentVariable("LAMBDA_TASK_ROOT"),
                    Environment.GetEnvironmentVariable("_HANDLER"),
                    log);
            }
            catch (Exception error)
            {
                var thrown = Errors.Unwrap(error);
                log.Write(Level.Error, thrown, null, null);
                api.PostInitError(Errors.Describe(thrown), thrown.GetType().Name);
                Environment.Exit(InitFailed);
                throw;
            }
        }

        static void Answer(RuntimeApi api, LogWriter log, Handler handler, Invocation invocation)
        {
            Environment.SetEnvironmentVariable("_X_AMZN_TRACE_ID", invocation.TraceId);
            log.RequestId = invocation.RequestId;
            ArraySegment<byte> result;
            try
            {
                result = handler.Call(invocation);
            }
            catch (Exception error)
            {
                var thrown = Errors.Unwrap(error);
                log.Write(Level.Error, thrown, null, null);
                api.PostError(invocation.RequestId, Errors.Describe(thrown), thrown.GetType().Name);
                return;
            }
            api.PostResponse(invocation.RequestId, result);
        }
    }
}
