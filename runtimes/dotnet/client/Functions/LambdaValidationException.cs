using System;

namespace Kubelambda.Functions
{
    /// <summary>A handler that cannot be one; name and messages are AWS's.</summary>
    public sealed class LambdaValidationException : Exception
    {
        public LambdaValidationException(string message) : base(message) { }
    }
}
