// A function that is an executable assembly: it speaks the Runtime API itself, as AWS's client in it does.
using System;
using System.Linq;
using System.Net.Http;
using System.Text.Json;
using System.Threading.Tasks;

public static class Program
{
    public static async Task Main()
    {
        var client = new HttpClient();
        var root = "http://" + Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/";
        while (true)
        {
            using (var next = await client.GetAsync(root + "next"))
            {
                var id = next.Headers.GetValues("Lambda-Runtime-Aws-Request-Id").First();
                var asked = await next.Content.ReadAsStringAsync();
                var answer = JsonSerializer.Serialize(new { asked, handler = Environment.GetEnvironmentVariable("_HANDLER") });
                await client.PostAsync(root + id + "/response", new StringContent(answer));
            }
        }
    }
}
