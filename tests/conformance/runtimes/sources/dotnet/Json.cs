using System.IO;
using System.Text.Json;
using Amazon.Lambda.Core;

namespace Example
{
    /// <summary>As AWS's DefaultLambdaJsonSerializer: names of members fit whatever their case.</summary>
    public class Json : ILambdaSerializer
    {
        static readonly JsonSerializerOptions Options = new JsonSerializerOptions { PropertyNameCaseInsensitive = true };

        public T Deserialize<T>(Stream input)
        {
            return JsonSerializer.Deserialize<T>(input, Options);
        }

        public void Serialize<T>(T value, Stream output)
        {
            JsonSerializer.Serialize(output, value, Options);
        }
    }
}
