using System;
using System.Globalization;
using System.IO;
using System.Text;

namespace Kubelambda.Logging
{
    /// <summary>
    /// Lines of the log as AWS's client writes them, from Console, from ILambdaLogger and about errors: time, request
    /// and level before the text, or a JSON object. Contract: AWS_LAMBDA_HANDLER_LOG_FORMAT (Default, Unformatted,
    /// JSON) and AWS_LAMBDA_HANDLER_LOG_LEVEL go before the function's own logging configuration; a record below the
    /// level is left out; records of several threads do not mix.
    /// </summary>
    public sealed class LogWriter
    {
        readonly TextWriter output;
        readonly Level lowest;
        readonly bool isJson;
        readonly bool isPlain;

        LogWriter(TextWriter output)
        {
            this.output = output;
            var format = Variable("AWS_LAMBDA_HANDLER_LOG_FORMAT") ?? Variable("AWS_LAMBDA_LOG_FORMAT") ?? "";
            isJson = format.Equals("JSON", StringComparison.OrdinalIgnoreCase);
            isPlain = format.Equals("Unformatted", StringComparison.OrdinalIgnoreCase);
            lowest = Levels.Parse(Variable("AWS_LAMBDA_HANDLER_LOG_LEVEL") ?? Variable("AWS_LAMBDA_LOG_LEVEL"))
                ?? Level.Information;
        }

        /// <summary>The request that records belong to; null during init.</summary>
        public string RequestId { get; set; }

        /// <summary>Makes Console write by it too; AWS_LAMBDA_DOTNET_DISABLE_CONSOLE_CAPTURE=true leaves Console as it is.</summary>
        public static LogWriter Install()
        {
            var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { AutoFlush = true };
            var log = new LogWriter(TextWriter.Synchronized(output));
            bool.TryParse(Variable("AWS_LAMBDA_DOTNET_DISABLE_CONSOLE_CAPTURE"), out var isOff);
            if (!isOff)
            {
                Console.SetOut(new ConsoleWriter(log, Level.Information));
                Console.SetError(new ConsoleWriter(log, Level.Error));
            }
            return log;
        }

        /// <summary>Text that is no record, as it is.</summary>
        public void WriteRaw(string text)
        {
            output.Write(text);
        }

        /// <summary>
        /// A record. A line of text without level has no label; as JSON it is Information. `arguments` fill the
        /// places of `message` in braces.
        /// </summary>
        public void Write(Level? level, Exception error, string message, object[] arguments)
        {
            if (level < lowest)
            {
                return;
            }
            var template = new MessageTemplate(message, arguments);
            output.WriteLine(isJson
                ? JsonRecord.Format(Now(), level ?? Level.Information, RequestId, template, error)
                : FormatLine(level, error, template.Text));
        }

        string FormatLine(Level? level, Exception error, string text)
        {
            if (error != null)
            {
                text = text == "" ? error.ToString() : text + "\n" + error;
            }
            if (isPlain)
            {
                return text;
            }
            var label = level == null ? "" : level.Value.Label() + "\t";
            return Now() + "\t" + RequestId + "\t" + label + text;
        }

        static string Now()
        {
            return DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        }

        static string Variable(string name)
        {
            var value = Environment.GetEnvironmentVariable(name);
            return string.IsNullOrEmpty(value) ? null : value;
        }
    }
}
