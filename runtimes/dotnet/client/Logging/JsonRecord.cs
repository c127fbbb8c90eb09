using System;
using System.IO;
using System.Text;
using System.Text.Json;

namespace Kubelambda.Logging
{
    /// <summary>A record as AWS's client writes it with the log format JSON: one object, on one line.</summary>
    public static class JsonRecord
    {
        public static string Format(string time, Level level, string requestId, MessageTemplate message, Exception error)
        {
            var bytes = new MemoryStream();
            using (var writer = new Utf8JsonWriter(bytes))
            {
                writer.WriteStartObject();
                writer.WriteString("timestamp", time);
                writer.WriteString("level", level.ToString());
                if (!string.IsNullOrEmpty(requestId))
                {
                    writer.WriteString("requestId", requestId);
                }
                writer.WriteString("message", message.Text);
                foreach (var property in message.Properties)
                {
                    writer.WritePropertyName(property.Key);
                    WriteValue(writer, property.Value);
                }
                WriteError(writer, error);
                writer.WriteEndObject();
            }
            return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
        }

        static void WriteError(Utf8JsonWriter writer, Exception error)
        {
            if (error == null)
            {
                return;
            }
            writer.WriteString("errorType", error.GetType().FullName);
            writer.WriteString("errorMessage", error.Message);
            writer.WriteStartArray("stackTrace");
            foreach (var line in Errors.Lines(error.ToString()))
            {
                writer.WriteStringValue(line);
            }
            writer.WriteEndArray();
        }

        static void WriteValue(Utf8JsonWriter writer, object value)
        {
            try
            {
                writer.WriteRawValue(JsonSerializer.Serialize(value));
            }
            catch (Exception refused) when (refused is NotSupportedException || refused is JsonException)
            {
                writer.WriteStringValue(MessageTemplate.Show(value, null));
            }
        }
    }
}
