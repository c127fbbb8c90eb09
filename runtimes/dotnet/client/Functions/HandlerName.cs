using System;

namespace Kubelambda.Functions
{
    /// <summary>What Assembly::Namespace.Type::Method names.</summary>
    public sealed class HandlerName
    {
        const string Separator = "::";
        const string Format = " The valid format is 'ASSEMBLY::TYPE::METHOD'.";

        HandlerName(string assembly, string type, string method)
        {
            Assembly = assembly;
            Type = type;
            Method = method;
        }

        public string Assembly { get; }
        public string Type { get; }
        public string Method { get; }

        public static HandlerName Parse(string handler)
        {
            var parts = (handler ?? "").Split(new[] { Separator }, 3, StringSplitOptions.None);
            if (parts.Length != 3)
            {
                throw new LambdaValidationException("Invalid lambda function handler: '" + handler + "'." + Format);
            }
            var names = new[] { "assembly", "type", "method" };
            for (var i = 0; i < names.Length; i++)
            {
                parts[i] = parts[i].Trim();
                if (parts[i] == "")
                {
                    throw new LambdaValidationException(
                        "Invalid lambda function handler: '" + handler + "', the " + names[i] + " is missing." + Format);
                }
            }
            return new HandlerName(parts[0], parts[1], parts[2]);
        }
    }
}
