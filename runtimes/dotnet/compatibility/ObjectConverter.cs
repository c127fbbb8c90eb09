using System;
using System.Collections;
using System.Collections.Generic;
using System.ComponentModel;
using System.Globalization;
using System.Linq;
using System.Reflection;

namespace System.Web.Script.Serialization
{
    /// <summary>What ObjectReader gives, as a type asks for it: dictionaries, lists, arrays, objects, and values.</summary>
    static class ObjectConverter
    {
        const BindingFlags Members = BindingFlags.Instance | BindingFlags.Public | BindingFlags.IgnoreCase;

        public static object Convert(object value, Type type)
        {
            if (type == null)
            {
                return value;
            }
            if (type == typeof(object))
            {
                return ConvertUntyped(value);
            }
            if (value is IDictionary<string, object> members)
            {
                return ConvertMembers(members, type);
            }
            if (value is object[] items)
            {
                return ConvertItems(items, type);
            }
            return value == null || type.IsInstanceOfType(value) ? value : ConvertValue(value, type);
        }

        /// <summary>Where a type asks for any object, a list is an ArrayList, at every depth.</summary>
        static object ConvertUntyped(object value)
        {
            switch (value)
            {
                case object[] items: return new ArrayList(items.Select(ConvertUntyped).ToArray());
                case IDictionary<string, object> members: return members.ToDictionary(one => one.Key, one => ConvertUntyped(one.Value));
                default: return value;
            }
        }

        static object ConvertMembers(IDictionary<string, object> members, Type type)
        {
            var dictionary = FindInterface(type, typeof(IDictionary<,>));
            if (dictionary == null && type.IsInstanceOfType(members))
            {
                return ConvertUntyped(members);
            }
            if (dictionary != null)
            {
                var kinds = dictionary.GenericTypeArguments;
                var made = (IDictionary)Activator.CreateInstance(type.IsInterface ? typeof(Dictionary<,>).MakeGenericType(kinds) : type);
                foreach (var member in members)
                {
                    made[Convert(member.Key, kinds[0])] = Convert(member.Value, kinds[1]);
                }
                return made;
            }
            var target = Activator.CreateInstance(type);
            foreach (var member in members)
            {
                Assign(target, type, member.Key, member.Value);
            }
            return target;
        }

        static void Assign(object target, Type type, string name, object value)
        {
            var property = type.GetProperty(name, Members);
            if (property?.SetMethod != null)
            {
                property.SetValue(target, Convert(value, property.PropertyType));
                return;
            }
            var field = type.GetField(name, Members);
            field?.SetValue(target, Convert(value, field.FieldType));
        }

        static object ConvertItems(object[] items, Type type)
        {
            if (type.IsArray)
            {
                var made = Array.CreateInstance(type.GetElementType(), items.Length);
                for (var i = 0; i < items.Length; i++)
                {
                    made.SetValue(Convert(items[i], type.GetElementType()), i);
                }
                return made;
            }
            if (type == typeof(ArrayList) || type == typeof(IEnumerable) || type == typeof(IList) || type == typeof(ICollection))
            {
                return new ArrayList(items);
            }
            var kind = FindInterface(type, typeof(IEnumerable<>))?.GenericTypeArguments[0];
            if (kind == null)
            {
                throw new InvalidOperationException("Type '" + type.FullName + "' is not supported for deserialization of an array.");
            }
            var list = type.IsInterface ? typeof(List<>).MakeGenericType(kind) : type;
            var target = Activator.CreateInstance(list);
            var add = list.GetMethod("Add", new[] { kind });
            foreach (var item in items)
            {
                add.Invoke(target, BindingFlags.DoNotWrapExceptions, null, new[] { Convert(item, kind) }, null);
            }
            return target;
        }

        static object ConvertValue(object value, Type type)
        {
            var plain = Nullable.GetUnderlyingType(type) ?? type;
            if (plain.IsInstanceOfType(value))
            {
                return value;
            }
            if (plain.IsEnum)
            {
                return value is string name ? Enum.Parse(plain, name, true) : Enum.ToObject(plain, value);
            }
            if (value is string text && plain != typeof(string) && !typeof(IConvertible).IsAssignableFrom(plain))
            {
                return TypeDescriptor.GetConverter(plain).ConvertFromInvariantString(text);
            }
            return System.Convert.ChangeType(value, plain, CultureInfo.InvariantCulture);
        }

        static Type FindInterface(Type type, Type generic)
        {
            return new[] { type }.Concat(type.GetInterfaces())
                .FirstOrDefault(one => one.IsGenericType && one.GetGenericTypeDefinition() == generic);
        }
    }
}
