namespace Library
{
    /// <summary>What a function's package brings along.</summary>
    public static class Names
    {
        public static string Greet(string name) => "hello " + name;
    }
}
