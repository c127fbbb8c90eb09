using System;
using Amazon.Lambda.Core;
using Kubelambda.Logging;

namespace Kubelambda.Contract
{
    /// <summary>
    /// ILambdaLogger. The overloads with a level came with later versions of the interface, whose other members call
    /// these; with an older version they are methods that nobody calls.
    /// </summary>
    public sealed class Logger : ILambdaLogger
    {
        readonly LogWriter log;

        public Logger(LogWriter log)
        {
            this.log = log;
        }

        public void Log(string message) => log.Write(null, null, message, null);

        public void LogLine(string message) => log.Write(null, null, message, null);

        public void Log(string level, string message) => log.Write(Levels.Parse(level), null, message, null);

        public void Log(string level, string message, params object[] args) => log.Write(Levels.Parse(level), null, message, args);

        public void Log(string level, Exception exception, string message, params object[] args) =>
            log.Write(Levels.Parse(level), exception, message, args);
    }
}
