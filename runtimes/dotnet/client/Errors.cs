using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.Json;

namespace Kubelambda
{
    /// <summary>Errors as AWS's client posts them (spec 1.4): type, message, stack, cause and, for several, causes.</summary>
    public static class Errors
    {
        const int PostedBytesMax = 256 << 10;
        const string TooLong = "Exception exceeded maximum payload size of 256KB.";

        /// <summary>What the function threw, without the wrapping of reflection and of a task that was waited for.</summary>
        public static Exception Unwrap(Exception error)
        {
            var isWrapper = error is TargetInvocationException
                || (error is AggregateException several && several.InnerExceptions.Count == 1);
            return isWrapper && error.InnerException != null ? Unwrap(error.InnerException) : error;
        }

        /// <summary>JSON of at most 256 KiB.</summary>
        public static byte[] Describe(Exception error)
        {
            var json = Write(writer => Append(writer, error));
            return json.Length <= PostedBytesMax ? json : Write(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("errorType", error.GetType().Name);
                writer.WriteString("errorMessage", TooLong);
                writer.WriteEndObject();
            });
        }

        /// <summary>The lines of the stack, each without its indentation.</summary>
        public static IReadOnlyList<string> Lines(string stack)
        {
            return (stack ?? "").Split('\n').Select(line => line.Trim()).Where(line => line != "").ToList();
        }

        static byte[] Write(Action<Utf8JsonWriter> content)
        {
            var bytes = new MemoryStream();
            using (var writer = new Utf8JsonWriter(bytes))
            {
                content(writer);
            }
            return bytes.ToArray();
        }

        static void Append(Utf8JsonWriter writer, Exception error)
        {
            writer.WriteStartObject();
            writer.WriteString("errorType", error.GetType().Name);
            writer.WriteString("errorMessage", error.Message);
            var lines = Lines(error.StackTrace);
            if (lines.Count > 0)
            {
                writer.WriteStartArray("stackTrace");
                foreach (var line in lines)
                {
                    writer.WriteStringValue(line);
                }
                writer.WriteEndArray();
            }
            AppendCauses(writer, error);
            writer.WriteEndObject();
        }

        static void AppendCauses(Utf8JsonWriter writer, Exception error)
        {
            if (error.InnerException != null)
            {
                writer.WritePropertyName("cause");
                Append(writer, error.InnerException);
            }
            if (error is AggregateException several)
            {
                writer.WriteStartArray("causes");
                foreach (var one in several.InnerExceptions)
                {
                    Append(writer, one);
                }
                writer.WriteEndArray();
            }
        }
    }
}
