using System;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Text;

namespace Kubelambda
{
    /// <summary>Errors as AWS's client posts them (spec 1.4): type, message, stack, cause.</summary>
    public static class Errors
    {
        public static string Describe(Exception error)
        {
            var json = new StringBuilder();
            Append(json, Unwrap(error));
            return json.ToString();
        }

        /// <summary>The line for the log; with a JSON log a record of level Error, which no level below it leaves out.</summary>
        public static string ToLine(string body)
        {
            var format = Environment.GetEnvironmentVariable("AWS_LAMBDA_LOG_FORMAT") ?? "";
            if (!string.Equals(format, "JSON", StringComparison.OrdinalIgnoreCase))
            {
                return body;
            }
            var time = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
            return "{\"timestamp\":\"" + time + "\",\"level\":\"Error\"," + body.Substring(1);
        }

        public static string TypeOf(Exception error)
        {
            return Unwrap(error).GetType().Name;
        }

        /// <summary>What the function threw, without the wrapping of reflection and tasks.</summary>
        static Exception Unwrap(Exception error)
        {
            var aggregate = error as AggregateException;
            var isWrapper = error is TargetInvocationException || error is TypeInitializationException
                || (aggregate != null && aggregate.InnerExceptions.Count == 1);
            return isWrapper && error.InnerException != null ? Unwrap(error.InnerException) : error;
        }

        static void Append(StringBuilder json, Exception error)
        {
            json.Append("{\"errorType\":").Append(Quote(error.GetType().Name));
            json.Append(",\"errorMessage\":").Append(Quote(error.Message));
            var lines = (error.StackTrace ?? "").Split('\n').Select(line => line.Trim()).Where(line => line != "");
            if (lines.Any())
            {
                json.Append(",\"stackTrace\":[").Append(string.Join(",", lines.Select(Quote))).Append(']');
            }
            if (error.InnerException != null)
            {
                json.Append(",\"cause\":");
                Append(json, error.InnerException);
            }
            json.Append('}');
        }

        static string Quote(string text)
        {
            var quoted = new StringBuilder("\"");
            foreach (var one in text)
            {
                if (one == '"' || one == '\\')
                {
                    quoted.Append('\\').Append(one);
                }
                else if (one < ' ' || char.IsSurrogate(one))
                {
                    quoted.AppendFormat("\\u{0:x4}", (int)one);
                }
                else
                {
                    quoted.Append(one);
                }
            }
            return quoted.Append('"').ToString();
        }
    }
}
