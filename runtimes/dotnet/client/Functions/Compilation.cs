using System;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Kubelambda.Functions
{
    /// <summary>
    /// Compiles the function's methods during init instead of at their first call: with AWS_LAMBDA_DOTNET_PREJIT=Always,
    /// and by default (ProvisionedConcurrency) for environments of provisioned concurrency. Never: never.
    /// </summary>
    public static class Compilation
    {
        const BindingFlags Declared = BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic
            | BindingFlags.Instance | BindingFlags.Static;

        public static void PrepareIfAsked(Assembly assembly)
        {
            var asked = Environment.GetEnvironmentVariable("AWS_LAMBDA_DOTNET_PREJIT") ?? "ProvisionedConcurrency";
            var isProvisioned = Environment.GetEnvironmentVariable("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency";
            var isAsked = asked.Equals("Always", StringComparison.OrdinalIgnoreCase)
                || (isProvisioned && !asked.Equals("Never", StringComparison.OrdinalIgnoreCase));
            if (isAsked)
            {
                Prepare(assembly);
            }
        }

        static void Prepare(Assembly assembly)
        {
            var methods = assembly.GetTypes().Where(type => !type.ContainsGenericParameters)
                .SelectMany(type => type.GetMethods(Declared))
                .Where(method => !method.IsAbstract && !method.ContainsGenericParameters);
            foreach (var method in methods)
            {
                try
                {
                    RuntimeHelpers.PrepareMethod(method.MethodHandle);
                }
                catch (Exception)
                {
                    // A method that cannot be compiled says so when it is called, and perhaps it never is.
                }
            }
        }
    }
}
