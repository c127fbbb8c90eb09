using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text.Json;

namespace System.Web.Script.Serialization
{
    /// <summary>JSON text to Dictionary, object[], string, int, long, decimal, double, bool and null.</summary>
    static class ObjectReader
    {
        public static object Read(string text, int depth)
        {
            if (text.Trim() == "")
            {
                return null;
            }
            try
            {
                using (var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = depth }))
                {
                    return Convert(document.RootElement);
                }
            }
            catch (JsonException refused)
            {
                throw new ArgumentException("Invalid JSON primitive: " + refused.Message, refused);
            }
        }

        static object Convert(JsonElement element)
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.Object:
                    var members = new Dictionary<string, object>();
                    foreach (var member in element.EnumerateObject())
                    {
                        members[member.Name] = Convert(member.Value);
                    }
                    return members;
                case JsonValueKind.Array:
                    var items = new List<object>();
                    foreach (var item in element.EnumerateArray())
                    {
                        items.Add(Convert(item));
                    }
                    return items.ToArray();
                case JsonValueKind.String:
                    return ReadText(element.GetString());
                case JsonValueKind.Number:
                    return ReadNumber(element.GetRawText());
                case JsonValueKind.True:
                    return true;
                case JsonValueKind.False:
                    return false;
                default:
                    return null;
            }
        }

        /// <summary>A text, or the time that /Date(milliseconds)/ means.</summary>
        static object ReadText(string text)
        {
            const string Start = "/Date(", End = ")/";
            return text.StartsWith(Start, StringComparison.Ordinal) && text.EndsWith(End, StringComparison.Ordinal)
                && long.TryParse(text.AsSpan(Start.Length, text.Length - Start.Length - End.Length),
                    NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var milliseconds)
                ? DateTime.UnixEpoch.AddMilliseconds(milliseconds)
                : (object)text;
        }

        static object ReadNumber(string digits)
        {
            var invariant = CultureInfo.InvariantCulture;
            if (digits.IndexOfAny(new[] { '.', 'e', 'E' }) < 0)
            {
                if (int.TryParse(digits, NumberStyles.Integer, invariant, out var small))
                {
                    return small;
                }
                if (long.TryParse(digits, NumberStyles.Integer, invariant, out var large))
                {
                    return large;
                }
            }
            return decimal.TryParse(digits, NumberStyles.Float, invariant, out var exact)
                ? exact
                : (object)double.Parse(digits, NumberStyles.Float, invariant);
        }
    }
}
