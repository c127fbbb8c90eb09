using System;
using System.Reflection;

namespace Kubelambda.Logging
{
    /// <summary>Connects the static LambdaLogger of the function's Amazon.Lambda.Core with the log, as AWS's client does.</summary>
    public static class LambdaLogger
    {
        public static void Connect(Assembly assembly, LogWriter log)
        {
            var type = assembly.GetName().Name == "Amazon.Lambda.Core" ? assembly.GetType("Amazon.Lambda.Core.LambdaLogger") : null;
            if (type == null)
            {
                return;
            }
            Action<string> plain = message => log.Write(null, null, message, null);
            Action<string, string, object[]> withLevel =
                (level, message, arguments) => log.Write(Levels.Parse(level), null, message, arguments);
            Action<string, Exception, string, object[]> withError =
                (level, error, message, arguments) => log.Write(Levels.Parse(level), error, message, arguments);
            // Older versions have the first field only.
            Set(type, "_loggingAction", plain);
            Set(type, "_loggingWithLevelAction", withLevel);
            Set(type, "_loggingWithLevelAndExceptionAction", withError);
        }

        static void Set(Type type, string name, Delegate action)
        {
            var field = type.GetField(name, BindingFlags.NonPublic | BindingFlags.Static);
            if (field != null && field.FieldType == action.GetType())
            {
                field.SetValue(null, action);
            }
        }
    }
}
