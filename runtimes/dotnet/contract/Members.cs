using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;

namespace Kubelambda.Contract
{
    /// <summary>
    /// A JSON object whose members are asked for by name. Case and underscores make no difference: AWS's SDKs write
    /// installation_id or installationId.
    /// </summary>
    public sealed class Members
    {
        readonly Dictionary<string, JsonElement> found;

        /// <summary>`json` may be null, or anything but an object: then there are no members.</summary>
        public Members(string json) : this(string.IsNullOrEmpty(json) ? default(JsonElement) : JsonDocument.Parse(json).RootElement) { }

        Members(JsonElement element)
        {
            found = new Dictionary<string, JsonElement>(StringComparer.OrdinalIgnoreCase);
            if (element.ValueKind == JsonValueKind.Object)
            {
                foreach (var member in element.EnumerateObject())
                {
                    found[Fold(member.Name)] = member.Value;
                }
            }
        }

        /// <summary>The member as text; null where there is none.</summary>
        public string Text(string name)
        {
            return found.TryGetValue(Fold(name), out var value) && value.ValueKind != JsonValueKind.Null ? value.ToString() : null;
        }

        /// <summary>The object that the member is; null where it is none.</summary>
        public Members Inner(string name)
        {
            return IsObject(name, out var value) ? new Members(value) : null;
        }

        /// <summary>The members of the object that the member is, as texts; null where it is none.</summary>
        public IDictionary<string, string> Strings(string name)
        {
            return IsObject(name, out var value) ? value.EnumerateObject().ToDictionary(one => one.Name, one => one.Value.ToString()) : null;
        }

        bool IsObject(string name, out JsonElement value)
        {
            return found.TryGetValue(Fold(name), out value) && value.ValueKind == JsonValueKind.Object;
        }

        static string Fold(string name)
        {
            return name.Replace("_", "");
        }
    }
}
