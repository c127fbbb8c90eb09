using System;
using System.Reflection;
using System.Threading.Tasks;

namespace Kubelambda.Functions
{
    /// <summary>What a method gives: the value's type, and how to wait for it.</summary>
    public sealed class Result
    {
        /// <summary>The type of the value; void where there is none.</summary>
        public readonly Type Type;

        /// <summary>From what the method returned to the value; throws what an asynchronous method threw.</summary>
        public readonly Func<object, object> Await;

        Result(Type type, Func<object, object> await)
        {
            Type = type;
            Await = await;
        }

        public static Result Of(Type returned)
        {
            if (returned == typeof(ValueTask))
            {
                return new Result(typeof(void), value => { ((ValueTask)value).AsTask().GetAwaiter().GetResult(); return null; });
            }
            for (var at = returned; at != null; at = at.BaseType)
            {
                var generic = at.IsConstructedGenericType ? at.GetGenericTypeDefinition() : null;
                if (generic == typeof(Task<>) || generic == typeof(ValueTask<>))
                {
                    var value = at.GenericTypeArguments[0];
                    return new Result(value, Waiter(generic == typeof(Task<>) ? nameof(OfTask) : nameof(OfValueTask), value));
                }
                if (at == typeof(Task))
                {
                    return new Result(typeof(void), value => { ((Task)value).GetAwaiter().GetResult(); return null; });
                }
            }
            return new Result(returned, value => value);
        }

        static Func<object, object> Waiter(string name, Type value)
        {
            var method = typeof(Result).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic).MakeGenericMethod(value);
            return (Func<object, object>)method.CreateDelegate(typeof(Func<object, object>));
        }

        static object OfTask<T>(object task)
        {
            return ((Task<T>)task).GetAwaiter().GetResult();
        }

        static object OfValueTask<T>(object task)
        {
            return ((ValueTask<T>)task).AsTask().GetAwaiter().GetResult();
        }
    }
}
