using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Kubelambda.Logging
{
    /// <summary>
    /// A message with places in braces, filled by the logger's arguments: by order for names ({user}, {@cart} as JSON,
    /// {price:F2}), by number where all are numbers. A place without argument stays as it is.
    /// </summary>
    public sealed class MessageTemplate
    {
        static readonly IReadOnlyList<KeyValuePair<string, object>> None = new KeyValuePair<string, object>[0];

        public MessageTemplate(string message, object[] arguments)
        {
            Text = message ?? "";
            Properties = None;
            if (arguments != null && arguments.Length > 0)
            {
                Fill(arguments);
            }
        }

        public string Text { get; private set; }

        /// <summary>The arguments by the names of their places, without those that are null.</summary>
        public IReadOnlyList<KeyValuePair<string, object>> Properties { get; private set; }

        /// <summary>A value as it stands in a text.</summary>
        public static string Show(object value, string format)
        {
            return value is IFormattable formattable
                ? formattable.ToString(string.IsNullOrEmpty(format) ? null : format, CultureInfo.InvariantCulture)
                : Convert.ToString(value, CultureInfo.InvariantCulture);
        }

        void Fill(object[] arguments)
        {
            // {{ and }} are braces of the text.
            var places = Regex.Matches(Text, @"\{\{|\}\}|\{(?<at>@?)(?<name>[^{}:]+)(?::(?<format>[^{}]*))?\}");
            var names = places.Cast<Match>().Where(one => one.Groups["name"].Success).ToList();
            var byNumber = names.All(one => int.TryParse(one.Groups["name"].Value, out _));
            var found = new List<KeyValuePair<string, object>>();
            var text = new StringBuilder();
            int done = 0, order = 0;
            foreach (Match place in places)
            {
                text.Append(Text, done, place.Index - done);
                done = place.Index + place.Length;
                if (!place.Groups["name"].Success)
                {
                    text.Append(place.Value[0]);
                    continue;
                }
                var name = place.Groups["name"].Value;
                var index = byNumber ? int.Parse(name, CultureInfo.InvariantCulture) : order++;
                if (index >= arguments.Length)
                {
                    text.Append(place.Value);
                    continue;
                }
                var value = arguments[index];
                text.Append(place.Groups["at"].Value == "@" ? JsonSerializer.Serialize(value) : Show(value, place.Groups["format"].Value));
                if (value != null && found.All(one => one.Key != name))
                {
                    found.Add(new KeyValuePair<string, object>(name, value));
                }
            }
            Text = text.Append(Text, done, Text.Length - done).ToString();
            Properties = found;
        }
    }
}
