using System;
using System.Globalization;
using System.IO;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace Kubelambda.Logging
{
    /// <summary>
    /// Console.Out and Console.Error: each WriteLine is a record of the log; Write passes as it is, as with AWS's client.
    /// </summary>
    public sealed class ConsoleWriter : TextWriter
    {
        readonly LogWriter log;
        readonly Level level;

        public ConsoleWriter(LogWriter log, Level level) : base(CultureInfo.InvariantCulture)
        {
            this.log = log;
            this.level = level;
        }

        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => log.WriteRaw(value.ToString());
        public override void Write(string value) => log.WriteRaw(value);
        public override void Write(char[] buffer, int index, int count) => log.WriteRaw(new string(buffer, index, count));
        public override void Write(ReadOnlySpan<char> buffer) => log.WriteRaw(new string(buffer));

        public override void WriteLine() => WriteLine("");
        public override void WriteLine(string value) => log.Write(level, null, value, null);
        public override void WriteLine(bool value) => WriteLine(value.ToString());
        public override void WriteLine(char value) => WriteLine(value.ToString());
        public override void WriteLine(char[] buffer) => WriteLine(new string(buffer));
        public override void WriteLine(char[] buffer, int index, int count) => WriteLine(new string(buffer, index, count));
        public override void WriteLine(ReadOnlySpan<char> buffer) => WriteLine(new string(buffer));
        public override void WriteLine(StringBuilder value) => WriteLine(value?.ToString());
        public override void WriteLine(object value) => WriteLine(Show(value));
        public override void WriteLine(int value) => WriteLine(Show(value));
        public override void WriteLine(uint value) => WriteLine(Show(value));
        public override void WriteLine(long value) => WriteLine(Show(value));
        public override void WriteLine(ulong value) => WriteLine(Show(value));
        public override void WriteLine(float value) => WriteLine(Show(value));
        public override void WriteLine(double value) => WriteLine(Show(value));
        public override void WriteLine(decimal value) => WriteLine(Show(value));
        public override void WriteLine(string format, object arg0) => WriteLine(string.Format(FormatProvider, format, arg0));
        public override void WriteLine(string format, object arg0, object arg1) =>
            WriteLine(string.Format(FormatProvider, format, arg0, arg1));
        public override void WriteLine(string format, object arg0, object arg1, object arg2) =>
            WriteLine(string.Format(FormatProvider, format, arg0, arg1, arg2));
        public override void WriteLine(string format, params object[] arg) => WriteLine(string.Format(FormatProvider, format, arg));

        public override Task WriteLineAsync() => Now("");
        public override Task WriteLineAsync(char value) => Now(value.ToString());
        public override Task WriteLineAsync(string value) => Now(value);
        public override Task WriteLineAsync(char[] buffer, int index, int count) => Now(new string(buffer, index, count));
        public override Task WriteLineAsync(ReadOnlyMemory<char> buffer, CancellationToken cancelled = default(CancellationToken)) =>
            Now(new string(buffer.Span));
        public override Task WriteLineAsync(StringBuilder value, CancellationToken cancelled = default(CancellationToken)) =>
            Now(value?.ToString());

        Task Now(string line)
        {
            WriteLine(line);
            return Task.CompletedTask;
        }

        string Show(object value) => Convert.ToString(value, FormatProvider);
    }
}
