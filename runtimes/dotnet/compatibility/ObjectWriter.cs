using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Text;

namespace System.Web.Script.Serialization
{
    /// <summary>Objects to JSON text: public properties and fields, dictionaries, lists, and values.</summary>
    sealed class ObjectWriter
    {
        const BindingFlags Members = BindingFlags.Instance | BindingFlags.Public;
        readonly StringBuilder output;
        readonly int depthMax;
        int depth;

        public ObjectWriter(StringBuilder output, int depthMax)
        {
            this.output = output;
            this.depthMax = depthMax;
        }

        public void Write(object value)
        {
            if (++depth > depthMax)
            {
                throw new ArgumentException("RecursionLimit exceeded.");
            }
            if (!WriteValue(value))
            {
                WriteMembers(value);
            }
            depth--;
        }

        /// <summary>False for what has members.</summary>
        bool WriteValue(object value)
        {
            switch (value)
            {
                case null: case DBNull _: output.Append("null"); return true;
                case bool flag: output.Append(flag ? "true" : "false"); return true;
                case string text: WriteText(text); return true;
                case char one: WriteText(one == '\0' ? "" : one.ToString()); return true;
                case Guid guid: WriteText(guid.ToString()); return true;
                case Uri uri: WriteText(uri.OriginalString); return true;
                case DateTime time: WriteTime(time.ToUniversalTime()); return true;
                case DateTimeOffset time: WriteTime(time.UtcDateTime); return true;
                case Enum name: output.Append(name.ToString("D")); return true;
                case double number: output.Append(number.ToString("R", CultureInfo.InvariantCulture)); return true;
                case float number: output.Append(number.ToString("R", CultureInfo.InvariantCulture)); return true;
                case IDictionary dictionary: WriteDictionary(dictionary); return true;
                case IEnumerable items: WriteItems(items); return true;
            }
            if (value.GetType().IsPrimitive || value is decimal)
            {
                output.Append(((IFormattable)value).ToString(null, CultureInfo.InvariantCulture));
                return true;
            }
            return false;
        }

        void WriteTime(DateTime time)
        {
            var milliseconds = (time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMillisecond;
            output.Append("\"\\/Date(").Append(milliseconds.ToString(CultureInfo.InvariantCulture)).Append(")\\/\"");
        }

        void WriteDictionary(IDictionary dictionary)
        {
            var separator = '{';
            foreach (DictionaryEntry member in dictionary)
            {
                WriteMember(ref separator, Convert.ToString(member.Key, CultureInfo.InvariantCulture), member.Value);
            }
            output.Append(separator == '{' ? "{}" : "}");
        }

        void WriteItems(IEnumerable items)
        {
            var separator = '[';
            foreach (var item in items)
            {
                output.Append(separator);
                separator = ',';
                Write(item);
            }
            output.Append(separator == '[' ? "[]" : "]");
        }

        void WriteMembers(object value)
        {
            var type = value.GetType();
            var separator = '{';
            foreach (var field in type.GetFields(Members).Where(IsWritten))
            {
                WriteMember(ref separator, field.Name, field.GetValue(value));
            }
            foreach (var property in type.GetProperties(Members).Where(IsWritten))
            {
                if (property.GetMethod != null && property.GetIndexParameters().Length == 0)
                {
                    WriteMember(ref separator, property.Name, property.GetValue(value));
                }
            }
            output.Append(separator == '{' ? "{}" : "}");
        }

        void WriteMember(ref char separator, string name, object value)
        {
            output.Append(separator);
            separator = ',';
            WriteText(name);
            output.Append(':');
            Write(value);
        }

        void WriteText(string text)
        {
            output.Append('"');
            foreach (var one in text)
            {
                switch (one)
                {
                    case '"': output.Append("\\\""); break;
                    case '\\': output.Append("\\\\"); break;
                    case '\b': output.Append("\\b"); break;
                    case '\f': output.Append("\\f"); break;
                    case '\n': output.Append("\\n"); break;
                    case '\r': output.Append("\\r"); break;
                    case '\t': output.Append("\\t"); break;
                    default: WritePlain(one); break;
                }
            }
            output.Append('"');
        }

        void WritePlain(char one)
        {
            if (one < ' ' || one == '<' || one == '>' || one == '\'' || one == '\x85' || one == '\u2028' || one == '\u2029')
            {
                output.Append("\\u").Append(((int)one).ToString("x4", CultureInfo.InvariantCulture));
            }
            else
            {
                output.Append(one);
            }
        }

        static bool IsWritten(MemberInfo member)
        {
            return !member.IsDefined(typeof(ScriptIgnoreAttribute), true);
        }
    }
}
