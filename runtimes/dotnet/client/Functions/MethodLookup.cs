using System;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Kubelambda.Functions
{
    /// <summary>Finds the handler's method and says, in AWS's words, why one cannot be a handler.</summary>
    public static class MethodLookup
    {
        const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic
            | BindingFlags.Instance | BindingFlags.Static;

        /// <summary>
        /// By name, in the type itself first, then in what it derives from. (AWS's client would take a signature too;
        /// but it has a space, and a handler's name may not.)
        /// </summary>
        public static MethodInfo Find(Type type, HandlerName handler)
        {
            var method = Search(type, handler);
            if (method == null)
            {
                throw new LambdaValidationException(
                    $"Unable to find method '{handler.Method}' in type '{handler.Type}' from assembly '{handler.Assembly}': "
                    + $"Found no methods matching method name '{handler.Method}'.");
            }
            Check(type, method);
            return method;
        }

        static MethodInfo Search(Type type, HandlerName handler)
        {
            for (var at = type; at != null; at = at.BaseType)
            {
                var found = at.GetMethods(Declared).Where(one => one.Name == handler.Method).ToList();
                if (found.Count > 1)
                {
                    throw new LambdaValidationException(
                        $"The method '{handler.Method}' in type '{at.FullName}' appears to have a number of overloads. To call "
                        + "this method please specify a complete method signature. Possible candidates are:\n"
                        + string.Join("\n", found) + ".");
                }
                if (found.Count == 1)
                {
                    return found[0];
                }
            }
            return null;
        }

        static void Check(Type type, MethodInfo method)
        {
            var cannot = $"The method '{method}' cannot be used as a Lambda Handler because it is ";
            RefuseIf(method.IsAbstract, cannot + "an abstract method. Handler methods cannot be abstract.");
            RefuseIf(method.IsGenericMethod, cannot + "a generic method. Handler methods cannot be generic.");
            RefuseIf(
                method.ReturnType == typeof(void) && method.IsDefined(typeof(AsyncStateMachineAttribute)),
                cannot + "an 'async void' method. Handler methods cannot be 'async void'.");
            RefuseIf(
                method.GetParameters().Any(one => one.IsDefined(typeof(ParamArrayAttribute))),
                cannot + "a 'params' method. Please specify a method that does not use 'params'.");
            RefuseIf(
                type.IsGenericType,
                $"The type '{type.FullName}' cannot be used as a Lambda Handler type because it is generic. Handler methods "
                + "cannot be located in generic types.");
            RefuseIf(
                !method.IsStatic && type.IsAbstract,
                $"The instance method '{method}' cannot be used as a Lambda Handler because its type '{type.FullName}' is "
                + "abstract. Please either use a static handler or specify a type that is not abstract.");
        }

        static void RefuseIf(bool isUnfit, string message)
        {
            if (isUnfit)
            {
                throw new LambdaValidationException(message);
            }
        }
    }
}
