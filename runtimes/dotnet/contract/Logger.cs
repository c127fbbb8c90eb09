using System;
using Amazon.Lambda.Core;
using Kubelambda.Logging;

namespace Kubelambda.Contract
{
    /// <summary>
    /// ILambdaLogger. The overloads with a level came with later versions of the interface, whose other members call
    /// these; with an older version they are methods that nobody calls. They are virtual since only a virtual method
    /// can take the place of a member that the compiler did not see.
    /// </summary>
    public class Logger : ILambdaLogger
    {
        readonly LogWriter log;

        public Logger(LogWriter log)
        {
            this.log = log;
        }

        /// <summary>No record: the text as it is.</summary>
        public void Log(string message) => log.WriteRaw(message);

        public void LogLine(string message) => log.Write(Level.Information, null, message, null);

        public virtual void Log(string level, string message) => log.Write(Levels.Parse(level), null, message, null);

        public virtual void Log(string level, string message, params object[] args) =>
            log.Write(Levels.Parse(level), null, message, args);

        public virtual void Log(string level, Exception exception, string message, params object[] args) =>
            log.Write(Levels.Parse(level), exception, message, args);
    }
}
