using System;
using System.Collections;
using System.Collections.Generic;
using System.Text;

namespace System.Web.Script.Serialization
{
    /// <summary>
    /// The JSON serializer of the .NET Framework's System.Web.Extensions, which .NET has no more: for packages that were
    /// compiled for the runtime dotnet8 when mono ran it, and whose only serializer this was. Contract: reads JSON
    /// and writes it as the original does; what is not quite JSON (names without quotes) is refused, and converters and
    /// type resolvers are not there. New code uses System.Text.Json.
    /// </summary>
    public class JavaScriptSerializer
    {
        public int MaxJsonLength { get; set; } = 2097152;
        public int RecursionLimit { get; set; } = 100;

        public string Serialize(object obj)
        {
            var output = new StringBuilder();
            Serialize(obj, output);
            return output.ToString();
        }

        public void Serialize(object obj, StringBuilder output)
        {
            new ObjectWriter(output, RecursionLimit).Write(obj);
            CheckLength(output.Length);
        }

        public object DeserializeObject(string input)
        {
            return ObjectReader.Read(Checked(input), RecursionLimit);
        }

        public T Deserialize<T>(string input)
        {
            return (T)Deserialize(input, typeof(T));
        }

        public object Deserialize(string input, Type targetType)
        {
            return ObjectConverter.Convert(ObjectReader.Read(Checked(input), RecursionLimit), targetType);
        }

        public T ConvertToType<T>(object obj)
        {
            return (T)ObjectConverter.Convert(obj, typeof(T));
        }

        public object ConvertToType(object obj, Type targetType)
        {
            return ObjectConverter.Convert(obj, targetType);
        }

        string Checked(string input)
        {
            if (input == null)
            {
                throw new ArgumentNullException(nameof(input));
            }
            CheckLength(input.Length);
            return input;
        }

        void CheckLength(int length)
        {
            if (length > MaxJsonLength)
            {
                throw new ArgumentException(
                    "Error during serialization or deserialization using the JSON JavaScriptSerializer. The length of the "
                    + "string exceeds the value set on the maxJsonLength property.");
            }
        }
    }

    /// <summary>Marks a member that is not written.</summary>
    [AttributeUsage(AttributeTargets.Field | AttributeTargets.Property)]
    public sealed class ScriptIgnoreAttribute : Attribute
    {
        public bool ApplyToOverrides { get; set; }
    }
}
