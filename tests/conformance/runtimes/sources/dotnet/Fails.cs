using System;
using System.IO;

namespace Example
{
    public class Fails
    {
        public Fails()
        {
            throw new InvalidOperationException("not today");
        }

        public Stream Handle(Stream asked)
        {
            return asked;
        }
    }
}
