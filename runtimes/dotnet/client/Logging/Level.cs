using System;

namespace Kubelambda.Logging
{
    /// <summary>The levels of Amazon.Lambda.Core's logger.</summary>
    public enum Level
    {
        Trace,
        Debug,
        Information,
        Warning,
        Error,
        Critical,
    }

    public static class Levels
    {
        static readonly string[] Labels = { "trce", "dbug", "info", "warn", "fail", "crit" };

        /// <summary>The level that a text names, in .NET's words or in Lambda's; null where it names none.</summary>
        public static Level? Parse(string name)
        {
            switch ((name ?? "").ToUpperInvariant())
            {
                case "TRACE": return Level.Trace;
                case "DEBUG": return Level.Debug;
                case "INFO": case "INFORMATION": return Level.Information;
                case "WARN": case "WARNING": return Level.Warning;
                case "ERROR": return Level.Error;
                case "FATAL": case "CRITICAL": return Level.Critical;
                default: return null;
            }
        }

        /// <summary>As AWS's client abbreviates it in a line of text.</summary>
        public static string Label(this Level level)
        {
            return Labels[(int)level];
        }
    }
}
